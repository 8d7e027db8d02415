// encodeValue for values without a Blob, whose payload is there at once. Knows no message.
import { encodeValue } from '../../packages/trunkline/src/protocol/encode-value.ts'
import type { Payload, ValueTypes } from '../../packages/trunkline/src/protocol/values.ts'

export function encodeNow(value: unknown, types?: ValueTypes): Payload {
  const payload = encodeValue(value, types)
  if (payload instanceof Promise) throw new Error('this value has to be read first')
  return payload
}
