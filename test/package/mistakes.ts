// The page docs/mistakes.md as a list: its sections, and under each the mistakes with their code and what it says today.

export interface Section {
  /** Messages of the library end with this anchor. */
  readonly anchor: string
  readonly intro: string
  readonly mistakes: readonly Mistake[]
}

export interface Mistake {
  readonly title: string
  /** As it stands on the page; compile errors are the compiler's own about exactly this. */
  readonly code: string
  /** Where it shows: `compiler`, or who is told at run time. */
  readonly said:
    | 'the compiler says'
    | 'throws'
    | 'the call rejects with'
    | 'onError gets'
    | 'connection.state.reason is'
    | 'the answer is'
  readonly advice: string
}

const compiled = 'the compiler says'

export const sections: readonly Section[] = [
  {
    anchor: 'contract',
    intro:
      'Refused by `router`, `query`, `mutation` and `subscription` when the module is loaded, before anything runs.',
    mistakes: [
      {
        title: 'A name that a proxy cannot carry',
        code: 'router({ rooms: { then: query() } })',
        said: 'throws',
        advice:
          '`await api.rooms` would call it. Choose another name; the reserved ones are those of promises, functions and JSON.',
      },
      {
        title: 'A dot in a name',
        code: "router({ 'rooms.list': query() })",
        said: 'throws',
        advice: 'Write `rooms: { list: query() }`: the path of the procedure is `rooms.list` then.',
      },
      {
        title: 'A bare schema',
        code: 'query(z.string())',
        said: 'throws',
        advice: 'A procedure has an input, an output and errors: say which one the schema is.',
      },
      {
        title: 'Something else than a schema',
        code: 'router({ whoami: query({ output: { name: String } }) })',
        said: 'throws',
        advice:
          'Any [Standard Schema](https://standardschema.dev) will do: zod 4, valibot, arktype; `type<T>()` for a type without a check.',
      },
      {
        title: 'A built-in code for an error of your own',
        code: 'router({ whoami: query({ errors: { NOT_FOUND: z.string() } }) })',
        said: 'throws',
        advice: "Callers could not tell yours from the framework's. `ROOM_NOT_FOUND` says more anyway.",
      },
    ],
  },
  {
    anchor: 'handlers',
    intro: 'The compiler finds these, and `handlers()` once more for JavaScript.',
    mistakes: [
      {
        title: 'A handler is missing',
        code: 'implement(chat).handlers({ whoami, messages })',
        said: compiled,
        advice:
          'The name stands in the last line. Each procedure of the router needs its handler, under the same name.',
      },
      {
        title: 'A handler is misspelt',
        code: 'implement(chat).handlers({ whoami, pots: post, messages })',
        said: 'throws',
        advice:
          'The compiler says it too. Rename in the editor instead: renaming a procedure in the contract renames handler and calls.',
      },
      {
        title: 'A handler returns something else than the contract says',
        code: 'implement(chat).handlers({ whoami: () => 1, post, messages })',
        said: compiled,
        advice:
          'The error stands at the `return` of the handler, or at its name. Left is what it gives, right what the contract wants.',
      },
    ],
  },
  {
    anchor: 'outputs',
    intro:
      'A server checks what its handlers give. The caller sees `INTERNAL` and the path, nothing else; who runs the server hears all of it: `onError`, or the terminal.',
    mistakes: [
      {
        title: 'An output that its schema refuses',
        code: 'post: ({ input }) => ({ id: input.text.length })',
        said: 'onError gets',
        advice:
          '`error.issues` has each key. `validateOutput: false`, of the server or of a procedure, sends outputs unchecked.',
      },
      {
        title: 'A handler or middleware that forgets to return',
        code: 'app.use(async ({ next }) => { await next() })',
        said: 'onError gets',
        advice: '`return next()`. What a middleware returns is the answer.',
      },
      {
        title: 'A class instance in an output',
        code: 'anything: () => ({ user: new User() })',
        said: 'onError gets',
        advice:
          'Methods do not travel. Return plain data: strings, numbers, booleans, null, bigint, Date, Map, Set, URL, bytes, Blob, File, and records and arrays of them; or say in [`types`](router.md#values-that-travel) how a class travels.',
      },
    ],
  },
  {
    anchor: 'errors',
    intro: 'What the contract declares travels with its data; what it does not declare, without.',
    mistakes: [
      {
        title: 'An error that the contract does not declare',
        code: 'implement(chat).handlers({ whoami, post: ({ errors }) => { throw errors.ROOM_GONE() }, messages })',
        said: compiled,
        advice:
          "Declare it: `errors: { ROOM_GONE: type<void>() }`. `new RpcError(code)` travels undeclared, but without data, and callers don't see it in their types.",
      },
      {
        title: 'Error data that its schema refuses',
        code: "post: ({ errors }) => { throw errors.ROOM_CLOSED({ since: 'now' }) }",
        said: 'onError gets',
        advice: 'The caller gets the code without its data.',
      },
    ],
  },
  {
    anchor: 'context',
    intro: 'The context is what `authenticate` returns, once a connection.',
    mistakes: [
      {
        title: 'A context that was not announced',
        code: 'implement(chat).handlers({ whoami: ({ context }) => context.user, post, messages })',
        said: compiled,
        advice: 'Say its type first: `implement(chat).context<{ user: string }>().handlers({ … })`.',
      },
      {
        title: 'A context, and nobody who makes it',
        code: 'serve(implement(chat).context<{ user: string }>().handlers({ whoami, post, messages }))',
        said: 'throws',
        advice: 'Give `authenticate: ({ params }) => ({ user: … })`; in tests, `createCaller(app, { context })`.',
      },
      {
        title: 'A context that is not there',
        code: 'serve(app, { authenticate: ({ params }) => { check(params.token) } })',
        said: 'onError gets',
        advice:
          'Return an object, `{}` if there is nothing to say. The connection is closed with 1013 and the client comes back, as for whatever else `authenticate` throws that is no refusal.',
      },
    ],
  },
  {
    anchor: 'middleware',
    intro: 'A middleware runs around a handler: `async ({ next, context }) => next({ context: { … } })`.',
    mistakes: [
      {
        title: 'Calling next twice',
        code: 'app.use(async ({ next }) => { await next(); return next() })',
        said: 'onError gets',
        advice: 'A handler runs once a call. Repeating is up to the caller.',
      },
    ],
  },
  {
    anchor: 'subscriptions',
    intro:
      "A subscription's handler gives a source of items: an async generator, or what `publisher.subscribe(…)` gives.",
    mistakes: [
      {
        title: 'A subscription that returns an array',
        code: "messages: async () => ['hi']",
        said: 'onError gets',
        advice: "Write `async function* () { yield … }`, or return a publisher's feed.",
      },
      {
        title: 'One feed for several subscribers',
        code: "const feed = bus.subscribe('news')\nmessages: () => feed",
        said: 'onError gets',
        advice: "A feed has one consumer: `messages: () => bus.subscribe('news')`.",
      },
      {
        title: 'Iterating a query',
        code: 'for await (const name of api.whoami()) console.log(name)',
        said: compiled,
        advice:
          'Await it. At run time the first step of the loop throws: "This call gave an answer, not a subscription: await it instead".',
      },
    ],
  },
  {
    anchor: 'server',
    intro: 'Where a server listens, and what it is given.',
    mistakes: [
      {
        title: 'The router in place of the app',
        code: 'serve(chat)',
        said: 'throws',
        advice: '`serve(implement(chat).handlers({ … }))`.',
      },
      {
        title: 'An option that there is not',
        code: 'serve(app, { prot: 3000 })',
        said: 'throws',
        advice:
          'The compiler says it too, unless the options come from a variable. What each one does: [reference](reference.md#server).',
      },
      {
        title: 'A port that is in use',
        code: 'serve(app, { port: 3000 })',
        said: 'throws',
        advice: "The error has Node's `code`, `EADDRINUSE`, and its own error as `cause`.",
      },
      {
        title: 'A host that is not this machine',
        code: "serve(app, { port: 3000, host: '192.0.2.1' })",
        said: 'throws',
        advice:
          "In a container this is the usual one: the machine's outer address is not the container's. A name that nobody knows is told the same; `code` is Node's, `EADDRNOTAVAIL` or `ENOTFOUND`.",
      },
      {
        title: 'A wrong path',
        code: "createClient({ url: 'ws://localhost:3000/rpc' })",
        said: 'connection.state.reason is',
        advice:
          'The client keeps trying, and calls end with `TIMEOUT`, `not-run`. `path` of `serve` and `attach` says where the socket is.',
      },
      {
        title: 'A page of another origin',
        code: "new WebSocket('ws://localhost:3000', 'trunkline.v1') // on https://app.example",
        said: 'the answer is',
        advice:
          "`origins: ['https://app.example']`: scheme, name and port, as a browser sends them. A browser hides the answer from the page, which sees a lost connection; so the server prints each refused origin once. A development proxy that changes the `Host` (`changeOrigin: true`) has the same effect: leave that out.",
      },
    ],
  },
  {
    anchor: 'calls',
    intro: 'At the client. Its messages are short, since each byte of it is loaded by every visitor.',
    mistakes: [
      {
        title: 'An address that is none',
        code: "createClient({ url: '/rpc' })",
        said: 'throws',
        advice: "A path alone works in a browser, which knows the page's address; elsewhere write it out.",
      },
      {
        title: 'An input that its schema refuses',
        code: 'api.post({ text: 1 })',
        said: 'the call rejects with',
        advice: 'The compiler says it too. `error.data.issues` has each key; `error.delivery` is `not-run`.',
      },
      {
        title: 'A forgotten await',
        code: 'api.anything({ name: api.whoami() })',
        said: 'the call rejects with',
        advice: 'The same is said of functions, symbols, cycles and instances of classes, with the path of the value.',
      },
      {
        title: 'A procedure that this server does not have',
        code: 'api.rooms.list()',
        said: 'the call rejects with',
        advice: "The server is older than the client, or the other way round; or a cast hid the compiler's word.",
      },
      {
        title: 'A call without a server',
        code: 'api.whoami()',
        said: 'the call rejects with',
        advice:
          'Behind the colon is `connection.state.reason`; in Node it has the cause, such as "connect ECONNREFUSED …", which browsers keep to themselves. Where it is missing nobody has answered yet: a path that the development server does not pass on, say.',
      },
      {
        title: 'A call after close',
        code: 'await connection.close()\nawait api.whoami()',
        said: 'the call rejects with',
        advice: '`connection.connect()` opens it again.',
      },
    ],
  },
]

/** The page; `messages` by title. */
export function renderPage(messages: ReadonlyMap<string, string>): string {
  const head = `# Mistakes

What people get wrong, and what Trunkline says today. \`RpcError [CODE]: message\` is how an error is printed; \`error.code\` is the code alone. Each is made for real by \`test/package/mistakes.test.ts\`, which compares the message with this page;
\`UPDATE_MISTAKES=1 npx vitest run test/package/mistakes\` writes it anew. In a type, \`…\` stands for what the compiler prints of the contract.
`
  let number = 0
  const parts = sections.map(({ anchor, intro, mistakes }) => {
    const entries = mistakes.map(({ title, code, said, advice }) => {
      number++
      const fence = (kind: string, text: string): string => `\`\`\`${kind}\n${text}\n\`\`\``
      const message = messages.get(title) ?? ''
      return `### ${number}. ${title}\n\n${fence('ts', code)}\n\n${said}:\n\n${fence('text', message)}\n\n${advice}\n`
    })
    return `## ${anchor[0]?.toUpperCase()}${anchor.slice(1)}\n\n${intro}\n\n${entries.join('\n')}`
  })
  return `${head}\n${parts.join('\n')}`
}
