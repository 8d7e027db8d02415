// Close codes and reasons. Does not know who closes; PROTOCOL.md section 11 says what each side does after.
import { rateLimited, sequenceBroken } from './close-code.ts'

export const subprotocol = 'trunkline.v1'

export { closeCode } from './close-code.ts'

/** After these codes, whoever closed with them, a session is over: done, restarted, or with something wrong in it. */
const ending = new Set<number>([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, rateLimited, sequenceBroken])

/** False when nobody comes back for a session after a close with this code (PROTOCOL.md section 11). */
export const keepsSession = (code: number): boolean => !ending.has(code) && !(code >= 4000 && code < 4100)

/** RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the code. */
const maxReasonBytes = 123

/** Cuts a reason to what a close frame holds, on a code point's border. */
export function cutReason(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(maxReasonBytes))
  return reason.slice(0, read)
}
