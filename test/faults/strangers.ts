// Hostile acts on a server, one each: what a stranger may try with a socket, and the close code it has earned.
import { connect } from 'node:net'
import { WebSocket } from 'ws'

export interface Act {
  readonly name: string
  /** The close code the server must answer with; undefined where the connection stays, or never was. */
  readonly code: number | undefined
  readonly run: (url: string) => Promise<number | undefined>
}

const hello = JSON.stringify([0, { session: 'stranger', attempt: 1 }])

/** Sends frames behind `hello` and gives the code the server closed with, or undefined if it answers a ping after all. */
function say(...frames: (string | Buffer)[]): Act['run'] {
  return (url) => speak(url, [hello, ...frames])
}

function speak(url: string, frames: readonly (string | Buffer)[]): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'trunkline.v1')
    let isWelcome = false
    socket.on('open', () => {
      for (const frame of frames) socket.send(frame)
    })
    socket.on('message', (data) => {
      const text = data.toString()
      if (isWelcome || !text.startsWith('[1,')) return
      isWelcome = true
      // Its count of counted frames is wrong on purpose: whoever is still there gets 4110, and that is "stays".
      setImmediate(() => socket.send('[12,0,999999]'))
    })
    socket.on('close', (code) => resolve(code === 4110 ? undefined : code))
    socket.on('error', reject)
  })
}

/** Writes bytes to the TCP port after a valid upgrade, past every library. */
function bytes(payload: Buffer): Act['run'] {
  return (url) =>
    new Promise((resolve, reject) => {
      const { hostname, port, pathname } = new URL(url)
      const socket = connect(Number(port), hostname)
      let received = Buffer.alloc(0)
      socket.on('connect', () => {
        socket.write(
          `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
            'Sec-WebSocket-Protocol: trunkline.v1\r\n\r\n',
        )
        socket.write(payload)
      })
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        const code = closeCodeIn(received)
        if (code !== undefined) socket.destroy()
        if (code !== undefined) resolve(code)
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(closeCodeIn(received)))
    })
}

/** The code of the close frame behind the head of the upgrade's answer. */
function closeCodeIn(received: Buffer): number | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const at = received.indexOf(0x88, end + 4)
  return at >= 0 && received.length >= at + 4 ? received.readUInt16BE(at + 2) : undefined
}

/** A masked frame of a client, with any head. */
function frame(head: number, payload: Buffer, { mask = true, length = payload.length } = {}): Buffer {
  const masked = Buffer.from(payload)
  const key = mask ? Buffer.from([1, 2, 3, 4]) : Buffer.alloc(0)
  if (mask)
    for (let index = 0; index < masked.length; index++) masked[index] = (masked[index] ?? 0) ^ (key[index % 4] ?? 0)
  return Buffer.concat([Buffer.from([head, (mask ? 0x80 : 0) | length]), key, masked])
}

const stays = undefined

/** Names that are everybody's by inheritance. */
const inheritedNames = [
  '__proto__',
  'constructor',
  'toString',
  'then',
  'hasOwnProperty',
  'valueOf',
  '__proto__.toString',
]

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** Client messages with every place in a wrong shape; each ends the connection with 4000. */
const wrongShapes: readonly string[] = [
  '[0]',
  '[0,null]',
  '[0,{"session":"x","attempt":1}]',
  '[2]',
  '[2,"1","echo"]',
  '[2,2,"echo"]',
  '[2,-1,"echo"]',
  '[2,1.5,"echo"]',
  '[2,1e400,"echo"]',
  '[2,9007199254740993,"echo"]',
  '[2,{"__proto__":1},"echo"]',
  '[2,1,null]',
  '[2,1,["echo"]]',
  '[2,1,"echo",1,5]',
  '[2,1,"echo",1,{"timeoutMs":0}]',
  '[2,1,"echo",1,{"timeoutMs":"1"}]',
  '[2,1,"echo",1,{"meta":[]}]',
  '[2,1,"echo",1,{"key":1}]',
  '[2,1,"echo",1,{"repeat":1}]',
  '[2,1,"echo",1,{"lastEventId":1}]',
  '[2,1,"echo",1,{"credit":[1]}]',
  '[2,1,"echo",1,{"credit":[-1,1]}]',
  '[[2,3,"echo",1],[2,1,"echo",1]]',
  '[9]',
  '[9,1]',
  '[9,1,-1,0]',
  '[9,1,1.5,0]',
  '[10]',
  '[10,"x"]',
  '[12]',
  '[12,0]',
  '[12,"0",0]',
  '[13,0,-1]',
  '[1,{}]',
  '[3,1,1]',
  '[4,1,"X","y"]',
  '[5,1,1]',
  '[6,"x",1]',
  '[7,1,{}]',
  '[8,"x"]',
  '[11,0]',
  '[14,{}]',
  '[15]',
  '[15,{"params":[]}]',
  '[16,{}]',
  '[17]',
  '[-1]',
  '[null]',
  '["hello"]',
  '[[]]',
  '[[[]]]',
  '[[2,1,"echo",1],[12,0,0]]',
  '[[2,1,"echo",1],7]',
  '[]',
  '{}',
  'null',
  '7',
  '"x"',
  '',
  '{',
  '[2,1,"echo"',
  '\u0000',
  deep(10_000),
]

export const acts: readonly Act[] = [
  ...wrongShapes.map((text, index) => ({
    name: `wrong shape ${index}: ${text.slice(0, 40)}`,
    code: 4000,
    run: say(text),
  })),
  ...inheritedNames.map((name) => ({
    name: `path ${name}`,
    code: stays,
    run: say(JSON.stringify([2, 1, name, null]), JSON.stringify([2, 3, `items.${name}`, null])),
  })),
  ...inheritedNames.map((name) => ({
    name: `key ${name} in the input`,
    code: stays,
    run: say(`[2,1,"echo",{"text":"x","${name}":{"polluted":1}}]`, `[2,3,"echo",1,{"meta":{"${name}":1}}]`),
  })),
  ...inheritedNames.map((name) => ({
    name: `key ${name} in a rich path`,
    code: stays,
    run: say(`[2,1,"echo",{"text":"x"},null,[["date","${name}","polluted"]]]`),
  })),
  {
    name: 'a rich list of 100 000 entries',
    code: stays,
    run: say(`[2,1,"echo",{},null,[${'["date","a"],'.repeat(50_000)}1]]`),
  },
  {
    name: 'input nested 10 000 deep',
    code: stays,
    run: say(`[2,1,"echo",${deep(10_000)}]`, `[2,3,"any",${deep(10_000)}]`),
  },
  { name: 'binary garbage', code: 4000, run: say(Buffer.from([0, 1, 2, 250])) },
  { name: 'a message of 1.5 MiB', code: 1009, run: say(`[2,1,"echo",{"text":"${'x'.repeat(1_500_000)}"}]`) },
  { name: 'a call before hello', code: 4000, run: (url) => speak(url, ['[2,1,"echo",{"text":"x"}]']) },
  { name: 'cancel and credit of nothing', code: stays, run: say('[10,1]', '[9,3,1,1]', '[[10,5],[9,7,0,0]]') },
  { name: 'a reserved bit', code: 1002, run: bytes(frame(0xc1, Buffer.from('x'))) },
  { name: 'an unknown opcode', code: 1002, run: bytes(frame(0x83, Buffer.from('x'))) },
  { name: 'an unmasked frame', code: 1002, run: bytes(frame(0x81, Buffer.from('x'), { mask: false })) },
  { name: 'a fragmented ping', code: 1002, run: bytes(frame(0x09, Buffer.from('x'))) },
  { name: 'text that is not UTF-8', code: 1007, run: bytes(frame(0x81, Buffer.from([0xff, 0xfe]))) },
  {
    name: 'a length of 2⁶³',
    code: 1009,
    run: bytes(Buffer.from([0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4])),
  },
  {
    name: '1 000 empty fragments',
    code: 1008,
    run: bytes(
      Buffer.concat([
        frame(0x01, Buffer.alloc(0)),
        ...Array.from({ length: 1_000 }, () => frame(0x00, Buffer.alloc(0))),
      ]),
    ),
  },
]
