// Waiting for what a child process says next. Knows none of the messages.
import type { ChildProcess } from 'node:child_process'

/** For starting a process and connecting, and on top of what a run takes; above it, something hangs. */
export const patienceMs = 15_000

/** The child's next message; rejects if the child ends or stays silent. Nothing is asked while something is asked. */
export function nextMessage<Message>(child: ChildProcess, timeoutMs: number): Promise<Message> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs)

    function settle(): void {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
    }
    function fail(reason: string): void {
      settle()
      reject(new Error(reason))
    }
    function onMessage(message: unknown): void {
      settle()
      resolve(message as Message) // both ends are bundled together
    }
    function onExit(code: number | null, signal: string | null): void {
      fail(`its process ended: ${code ?? signal}`)
    }
    child.on('message', onMessage).on('exit', onExit)
    if (child.exitCode !== null) onExit(child.exitCode, null)
  })
}
