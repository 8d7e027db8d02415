// The door `trunkline/client` in Node: the same client on `ws`, which is faster than the global WebSocket and there in Node 20.
import type { IncomingMessage } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { type Client, createClientOn } from '../client/client.ts'
import type { ClientOptions } from '../client/options.ts'
import { type ClientSocket, type Platform, type SocketHandlers, webPlatform } from '../client/platform.ts'
import { BusyPoll } from './busy-poll.ts'
import { asBytes, MaskedFrameBuilder } from './frame.ts'
import { FrameReader, takeOver } from './frame-reader.ts'

export type { ReconnectOptions } from '../client/backoff.ts'
export type { Client } from '../client/client.ts'
export type { ClientConnection, ClientStats } from '../client/connection.ts'
export type {
  ClientMiddleware,
  ClientMiddlewareArgument,
  ClientOptions,
  Provided,
  ServeLimits,
} from '../client/options.ts'
export type { WebSocketConstructor } from '../client/platform.ts'
export { type Outcome, safe } from '../client/safe.ts'
export type { ConnectionEvents, ConnectionState } from '../client/state.ts'
export type {
  Call,
  CallError,
  CallOptions,
  CallProcedure,
  DuplexCall,
  DuplexProcedure,
  Gap,
  PendingSubscription,
  RouterClient,
  RouterErrors,
  RouterInputs,
  RouterOutputs,
  Sending,
  SendOptions,
  SubscribeOptions,
  SubscribeProcedure,
  Subscription,
  UploadCall,
  UploadProcedure,
} from '../contract/client-types.ts'
export {
  type BuiltinCode,
  type Delivery,
  type Issue,
  isRpcError,
  RpcError,
  type RpcErrorOptions,
} from '../protocol/error.ts'
export type { ValueType } from '../protocol/values.ts'

/** Makes a client of a router: `createClient<typeof chat>({ url })`. Connects with the first call, unless it is `eager`. */
export function createClient<Router>(options: ClientOptions): Client<Router> {
  return createClientOn(options.WebSocket ? webPlatform(options.WebSocket) : nodePlatform, options)
}

/** The largest frame taken from a server: its own limit on messages is smaller, this one only bounds memory. */
const maxPayload = 64 * 1024 * 1024

/** Shared by all sockets: its random bytes take 8 KiB. */
const frames = new MaskedFrameBuilder()

const nodePlatform: Platform = {
  connect,
  schedule: (flush) => nextTick(flush),
  onWake: () => () => {},
}

function connect(url: string, protocol: string, handlers: SocketHandlers): ClientSocket {
  const socket = new WebSocket(url, protocol, { perMessageDeflate: false, maxPayload })
  const poll = new BusyPoll()
  let stream: Duplex | undefined
  let failure = ''
  const reader = new FrameReader('server', maxPayload, {
    text: (message) => handlers.frame(message),
    binary: (message) => handlers.frame(message),
    other: (bytes) => passToWs(bytes),
  })
  let passToWs: (bytes: Buffer) => void
  socket.on('upgrade', (response) => {
    stream = response.socket
    stream.on('drain', () => handlers.drained())
  })
  socket.on('unexpected-response', (_request, response) => {
    readRefusal(response, (text) => {
      failure = text
      socket.terminate()
    })
  })
  socket.on('open', () => {
    passToWs = takeOver(stream as Duplex, (chunk) => {
      poll.arrived()
      reader.read(chunk)
    })
    handlers.open()
  })
  // Of fragments.
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    handlers.frame(isBinary ? asBytes(data) : data.toString())
  })
  // Always followed by `close`, which does not say what went wrong.
  socket.on('error', (error) => {
    failure ||= error.message
    reader.end()
  })
  socket.on('close', (code, reason) => handlers.closed(code, reason.toString() || failure))
  return {
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send(frame) {
      if (socket.readyState !== socket.OPEN) return
      stream?.write(frames.build(frame))
      poll.expect()
    },
    close(code, reason) {
      socket.close(code, reason)
    },
  }
}

/** A reason that a server writes is a line or two; more is some page of a proxy's. */
const maxRefusalLength = 300

/** An upgrade answered with HTTP: its status, and the reason in words where it comes as plain text. */
function readRefusal(response: IncomingMessage, done: (text: string) => void): void {
  const { statusCode = 0, statusMessage, headers } = response
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    if (text.length > maxRefusalLength) response.destroy()
  })
  response.once('close', () => {
    let words = headers['content-type']?.startsWith('text/plain') ? text.slice(0, maxRefusalLength).trim() : ''
    // Some page answers gladly, or says where else to look: neither is a refusal in words.
    if (statusCode < 400) words = `no WebSocket at this address${elsewhere(headers.location)}`
    done(`HTTP ${statusCode} ${statusMessage}${words && `: ${words}`}`)
  })
}

const elsewhere = (location: string | undefined): string =>
  location ? `; it points to ${location.slice(0, maxRefusalLength)}` : ''
