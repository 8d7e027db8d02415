// The messages of PROTOCOL.md, section 2: their numbers, and what a server's must look like. It holds no state.

export type Message = [type: number, ...elements: unknown[]]

export const HELLO = 0
export const WELCOME = 1
export const OPEN = 2
export const RESULT = 3
export const ERROR = 4
export const ACCEPT = 5
export const ITEM = 6
export const GAP = 7
export const END = 8
export const CREDIT = 9
export const CANCEL = 10
export const ACK = 11
export const PING = 12
export const PONG = 13
export const GOAWAY = 14

export const COUNTED: ReadonlySet<number> = new Set([OPEN, ACCEPT, RESULT, ERROR, ITEM, GAP, END, CANCEL]) // section 9
export const CONTROL: ReadonlySet<number> = new Set([HELLO, WELCOME, PING, PONG, GOAWAY]) // section 1

type Fits = (value: unknown) => boolean
const any: Fits = () => true
const count: Fits = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const id: Fits = (value) => count(value) && value !== 0
const text: Fits = (value) => typeof value === 'string'
const object: Fits = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const rich: Fits = (value) => value == null || Array.isArray(value)
const maybe =
  (fits: Fits): Fits =>
  (value) =>
    value == null || fits(value)

/** What a server may send, and the elements behind the type. */
const FROM_SERVER = new Map<number, readonly Fits[]>([
  [WELCOME, [object]],
  [RESULT, [id, any, rich]],
  [ERROR, [id, text, text, maybe(object), rich]],
  [ACCEPT, [id, id, maybe(text)]],
  [ITEM, [id, any, maybe(text), maybe(count), rich]],
  [GAP, [id, object]],
  [END, [id]],
  [ACK, [count, count]],
  [PING, [count, count]],
  [PONG, [count, count]],
  [GOAWAY, [object]],
])

/** The messages of a text frame of the server, or what is wrong with it. */
export function readFrame(json: string): Message[] | string {
  const frame: unknown = JSON.parse(json)
  if (!Array.isArray(frame) || frame.length === 0) return 'neither a message nor a batch'
  const batch: unknown[] = Array.isArray(frame[0]) ? frame : [frame]
  if (!batch.every(isFromServer)) return `bad message in ${json.slice(0, 80)}`
  const controls = batch.filter(([type]) => CONTROL.has(type)).length
  return controls > 0 && controls < batch.length ? 'control and call messages in one frame' : batch
}

function isFromServer(message: unknown): message is Message {
  if (!Array.isArray(message)) return false
  return FROM_SERVER.get(message[0])?.every((fits, index) => fits(message[index + 1])) ?? false
}
