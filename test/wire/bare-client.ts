// A second client, written from PROTOCOL.md alone on a bare `ws` socket. It closes where the server breaks the rules,
// and does not come back by itself: a test gives it the client before, whose session it then resumes (section 9).
import { type RawData, WebSocket } from 'ws'
import { Mailbox, within } from './bare-client-mailbox.ts'
import {
  ACCEPT,
  ACK,
  CANCEL,
  CONTROL,
  END,
  ERROR,
  GAP,
  GOAWAY,
  HELLO,
  ITEM,
  type Message,
  OPEN,
  PING,
  PONG,
  RESULT,
  readFrame,
  WELCOME,
} from './bare-client-messages.ts'
import { BareSession } from './bare-client-session.ts'
import { BareStream, type Credit } from './bare-client-stream.ts'
import { decode, encode, type RichEntry } from './bare-client-values.ts'

export const SUBPROTOCOL = 'trunkline.v1'
const DEFAULT_CREDIT = [256, 262_144] as const // section 3, `credit`
const DEFAULT_ITEM_BYTES = 1_024 // section 5, `size`

export type Close = { code: number; reason: string }
export type OpenOptions = { timeoutMs?: number; key?: string; repeat?: true; lastEventId?: string; credit?: Credit }
type ErrorDetails = { delivery?: string; data?: unknown; stream?: true }

type Rich = RichEntry[] | null
type ResultMessage = [type: number, id: number, value: unknown, rich: Rich]
type ErrorMessage = [type: number, id: number, code: string, message: string, details: ErrorDetails | null, rich: Rich]
type AcceptMessage = [type: number, id: number, stream: number, position: string | null]
type ItemMessage = [
  type: number,
  stream: number,
  value: unknown,
  eventId: string | null,
  size: number | null,
  rich: Rich,
]

export class WireError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message)
  }
}

/** One connection: it counts frames, answers pings, and hands each answer to its call. */
export class BareClient {
  readonly socket: WebSocket
  readonly frames: Message[][] = [] // every frame received, for tests that look at batches
  readonly pongs = new Mailbox<Message>()
  readonly pings = new Mailbox<Message>()
  answersPings = true
  readonly session: BareSession
  readonly attempt: number
  /** What this client's streams write through: it is handed on to the next. */
  readonly #carrier: { client: BareClient }
  readonly #welcomes = new Mailbox<Record<string, unknown>>()
  readonly #goaways = new Mailbox<Record<string, unknown>>()
  readonly #closed: Promise<Close>
  readonly #opened = new Mailbox<void>()
  readonly #results: Map<number, Mailbox<unknown>>
  readonly #streams: Map<number, BareStream> // by call id
  readonly #numbers: Map<number, BareStream> // by stream number
  readonly #outbox: Message[] = []
  #nextId: number

  constructor(url: string, options: { protocols?: string[]; firstId?: number; resumes?: BareClient } = {}) {
    const before = options.resumes
    this.#nextId = before ? before.#nextId : (options.firstId ?? 1)
    this.session = before?.session ?? new BareSession()
    this.attempt = (before?.attempt ?? 0) + 1
    this.#results = before ? before.#results : new Map()
    this.#streams = before ? before.#streams : new Map()
    this.#numbers = before ? before.#numbers : new Map()
    this.#carrier = before ? before.#carrier : { client: this }
    this.#carrier.client = this
    // A socket that was left is not listened to any more.
    before?.socket.removeAllListeners('message')
    this.socket = new WebSocket(url, options.protocols ?? [SUBPROTOCOL])
    this.socket.on('open', () => this.#opened.put())
    this.socket.on('message', (data, isBinary) => this.#onFrame(data, isBinary))
    this.socket.on('error', (error) => this.#opened.fail(error))
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve(this.#onClose({ code, reason: String(reason) })))
    })
  }

  opened = (): Promise<void> => this.#opened.take('open socket')
  closed = (): Promise<Close> => within(this.#closed, 'close')
  welcome = (): Promise<Record<string, unknown>> => this.#welcomes.take('welcome')

  goaway = (): Promise<Record<string, unknown>> => this.#goaways.take('goaway')

  hello(fields: Record<string, unknown> = {}): void {
    this.send([HELLO, { session: this.session.name, attempt: this.attempt, ...fields }])
  }

  /** A `hello` that asks for the session to be kept, or to go on. */
  helloToResume(fields: Record<string, unknown> = {}): void {
    this.session.keeps = true
    const { since, received, settled } = this.session
    this.hello({ since, received, settled, features: ['resume'], ...fields })
  }

  /** The link is lost: no closing handshake. */
  lose(): void {
    this.socket.terminate()
  }

  /** Starts a query or a mutation; its answer, or a {@link WireError}. */
  call(path: string, input?: unknown, options: OpenOptions & { id?: number } = {}): Promise<unknown> {
    const answer = new Mailbox<unknown>()
    this.#results.set(this.#open(path, input, options), answer)
    return answer.take(`answer of ${path}`)
  }

  subscribe(path: string, input?: unknown, options: OpenOptions & { id?: number } = {}): BareStream {
    const callId = this.#open(path, input, options)
    const stream = new BareStream(
      callId,
      (message) => this.#carrier.client.send(message),
      options.credit ?? DEFAULT_CREDIT,
    )
    this.#streams.set(callId, stream)
    return stream
  }

  /** Ends a call or a stream from this end; it settles without waiting. */
  cancel(callId: number): void {
    this.#settle(callId, new WireError('CANCELLED', 'cancelled by the caller'))
    if (this.socket.readyState === WebSocket.OPEN) this.send([CANCEL, callId])
    else this.session.settled.push(callId)
  }

  /** Sends a ping with the true counts, or with others. */
  ping(received?: number, sent?: number): Promise<Message> {
    this.flush()
    this.send([PING, received ?? this.session.received, sent ?? this.session.sent])
    return this.pongs.take('pong')
  }

  /** Gathers call messages of one turn into one batch; control messages go at once, behind what was gathered. */
  send(message: Message): void {
    if (CONTROL.has(message[0])) {
      this.flush()
      return this.socket.send(JSON.stringify(message))
    }
    if (this.#outbox.length === 0) queueMicrotask(() => this.flush())
    this.#outbox.push(message)
  }

  flush(): void {
    const batch = this.#outbox.splice(0)
    if (batch.length === 0) return
    this.socket.send(this.session.add(batch))
  }

  #onWelcome(fields: Record<string, unknown>): void {
    if (fields.session === 'resumed') this.#replay(Number(fields.received))
    else {
      // What was written in another is lost; this client does not ask twice.
      if (this.session.since !== this.attempt)
        this.#failAll(new WireError('CONNECTION_LOST', 'the server does not know the session'))
      this.session.begin(this.attempt)
    }
    this.session.settled = []
    this.#welcomes.put(fields)
  }

  #replay(received: number): void {
    if (!this.session.acknowledge(received)) return this.socket.close(4110, 'welcome: received is out of range')
    for (const frame of this.session.copies) this.socket.send(frame)
    for (const stream of this.#streams.values()) stream.restate()
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING) this.socket.terminate()
    else this.socket.close(1000)
    await this.closed().catch(() => this.socket.terminate())
  }

  #open(path: string, input: unknown, { id: oldId, ...options }: OpenOptions & { id?: number }): number {
    const callId = oldId ?? this.#nextId
    this.#nextId = Math.max(this.#nextId, callId + 2)
    const payload = encode(input)
    const plain = payload.rich.length === 0 && Object.keys(options).length === 0
    this.send(plain ? [OPEN, callId, path, payload.json] : [OPEN, callId, path, payload.json, options, payload.rich])
    return callId
  }

  #onFrame(data: RawData, isBinary: boolean): void {
    if (isBinary) return this.socket.close(1003, 'binary frame')
    const batch = readFrame(String(data))
    if (typeof batch === 'string') return this.socket.close(4000, batch)
    if (this.frames.length === 0 && batch[0]?.[0] !== WELCOME) return this.socket.close(4000, 'no welcome first')
    this.frames.push(batch)
    this.session.take(batch)
    const ack = batch.find(([type]) => type === ACK)
    if (ack) this.#checkCounts(ack)
    for (const message of batch) this.#onMessage(message)
  }

  #onMessage(message: Message): void {
    // The elements' types were checked against FROM_SERVER; the casts below say what it says.
    switch (message[0]) {
      case WELCOME:
        return this.#onWelcome(message[1] as Record<string, unknown>)
      case GOAWAY:
        return this.#goaways.put(message[1] as Record<string, unknown>)
      case RESULT:
        return this.#onResult(message as ResultMessage)
      case ERROR:
        return this.#onError(message as ErrorMessage)
      case ACCEPT:
        return this.#onAccept(message as AcceptMessage)
      case ITEM:
        return this.#onItem(message as ItemMessage)
      case GAP:
        return this.#numbers.get(Number(message[1]))?.events.put({ type: 'gap', reason: Object(message[2]).reason })
      case END:
        return this.#onEnd(Number(message[1]))
      case PING:
      case PONG:
        return this.#onCounts(message)
    }
  }

  #onResult([, callId, json, entries]: ResultMessage): void {
    const answer = this.#results.get(callId)
    if (!answer) return
    try {
      answer.put(decode(json, entries ?? []))
    } catch (cause) {
      answer.fail(new WireError('INTERNAL', String(cause)))
    }
    this.#results.delete(callId)
  }

  #onError([, callId, code, reason, details, entries]: ErrorMessage): void {
    const data = details?.data === undefined ? undefined : decode(details.data, entries ?? [])
    this.#settle(callId, new WireError(code, reason, { ...details, data }))
  }

  #onAccept([, callId, number, position]: AcceptMessage): void {
    const stream = this.#streams.get(callId)
    if (!stream) return
    this.#numbers.set(number, stream)
    stream.accept(number, position ?? null)
  }

  #onItem([, number, json, eventId, size, entries]: ItemMessage): void {
    const stream = this.#numbers.get(number)
    if (!stream) return
    if (!stream.book(size || DEFAULT_ITEM_BYTES)) return this.socket.close(4000, 'item beyond the credit')
    stream.events.put({ type: 'item', value: decode(json, entries ?? []), eventId: eventId ?? null })
  }

  #onEnd(callId: number): void {
    this.#streams.get(callId)?.events.put({ type: 'end' })
    this.#settle(callId, new WireError('CANCELLED', 'read behind the end'))
  }

  #onCounts(message: Message): void {
    if (!this.#checkCounts(message)) return
    if (message[0] === PONG) return this.pongs.put(message)
    this.pings.put(message)
    if (this.answersPings) this.send([PONG, this.session.received, this.session.sent])
  }

  #checkCounts(message: Message): boolean {
    if (this.session.check(message)) return true
    const { sent, received } = this.session
    this.socket.close(4110, `${message} does not fit ${sent} sent and ${received} received`)
    return false
  }

  #failAll(error: WireError): void {
    for (const callId of [...this.#results.keys(), ...this.#streams.keys()]) this.#settle(callId, error)
  }

  #settle(callId: number, error: Error): void {
    const stream = this.#streams.get(callId)
    this.#results.get(callId)?.fail(error)
    stream?.fail(error)
    this.#results.delete(callId)
    this.#streams.delete(callId)
    for (const [number, open] of this.#numbers) if (open === stream) this.#numbers.delete(number)
  }

  #onClose(close: Close): Close {
    const error = new WireError('CONNECTION_LOST', `closed with ${close.code} ${close.reason}`)
    if (!this.session.keeps) this.#failAll(error)
    for (const mailbox of [this.#opened, this.#welcomes, this.#goaways, this.pongs, this.pings]) mailbox.fail(error)
    return close
  }
}
