// A server on sockets whose other ends are the test, for the rules of its sessions; each socket keeps what came on it.
import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createServer, implement, memoryPublisher, type ServerOptions, type ServerSocket } from 'trunkline/server'
import { vi } from 'vitest'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  hold: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  feed: subscription({ output: unchecked<unknown>() }),
})

interface User {
  readonly user: string
  readonly level: number
}

export function startServer(options: Partial<ServerOptions<User>> = {}) {
  const log: string[] = []
  const open = new Map<string, (value: string) => void>()
  const bus = memoryPublisher()
  const app = implement(contract)
    .context<User>()
    .handlers({
      echo: ({ input }) => input,
      hold: ({ input, signal }) =>
        new Promise((resolve) => {
          log.push(`begin ${input}`)
          open.set(input, resolve)
          signal.addEventListener('abort', () => log.push(`abort ${input}`))
        }),
      feed: ({ signal, lastEventId }) => bus.subscribe('t', { signal, lastEventId }),
    })
  const server = createServer(app, {
    authenticate: ({ params }) => ({ user: String(params.user ?? 'ada'), level: Number(params.level ?? 1) }),
    identify: ({ user }) => ({ principal: user }),
    ...options,
  })

  /** A socket; says nothing by itself. */
  function dial() {
    const texts: string[] = []
    const sent: unknown[][] = []
    const state = { code: undefined as number | undefined, reason: '', isPaused: false }
    const socket: ServerSocket & { bufferedAmount: number } = {
      bufferedAmount: 0,
      send: (text) => {
        texts.push(String(text))
        const frame = JSON.parse(String(text))
        sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
      },
      close: (code, reason) => {
        state.code ??= code
        state.reason ||= reason
      },
      terminate: () => {
        state.code ??= 1006
      },
      pause: () => {
        state.isPaused = true
      },
      resume: () => {
        state.isPaused = false
      },
    }
    const events = server.accept(socket, { url: '/', headers: new Headers(), remoteAddress: undefined })
    const say = (...messages: unknown[]) => events.text(JSON.stringify(messages.length === 1 ? messages[0] : messages))
    const all = (type: number) => sent.filter((message) => message[0] === type)
    return {
      socket,
      state,
      texts,
      sent,
      say,
      all,
      /** Its link is lost. */
      lose: (code = 1006) => events.closed(code),
      get welcome() {
        return sent[0]?.[0] === 1 ? (sent[0][1] as Record<string, unknown>) : undefined
      },
    }
  }

  /** A socket that has said hello, with what it was answered. */
  async function knock(fields: Record<string, unknown> = {}) {
    const line = dial()
    line.say([0, { session: 's', attempt: 1, features: ['resume'], ...fields }])
    await settle()
    return line
  }

  return { server, log, open, bus, dial, knock }
}

export const settle = () => vi.advanceTimersByTimeAsync(0)
