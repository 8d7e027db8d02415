// The page: asks for a name, then flies. Everything beside the canvas is plain HTML.
import '@fontsource-variable/figtree/wght.css'
import './style.css'
import { tickMs } from '../ship.ts'
import { Controls } from './controls.ts'
import { Game } from './game.ts'
import { Sky } from './sky.ts'

const part = (selector: string): HTMLElement => {
  const element = document.querySelector<HTMLElement>(selector)
  if (!element) throw new Error(`index.html has no ${selector}`)
  return element
}

const hues = [162, 205, 265, 320, 8, 42, 84]
const newsMs = 3_500
const shownScores = 8

const entry = part('#entry') as HTMLFormElement
for (const hue of hues) {
  const choice = document.createElement('input')
  Object.assign(choice, { type: 'radio', name: 'hue', value: String(hue), ariaLabel: `Colour ${hue}` })
  choice.style.setProperty('--hue', String(hue))
  part('#hues').append(choice)
}
const remembered = localStorage.getItem('trunkline-arena')
const last = remembered ? JSON.parse(remembered) : {}
const wanted = new URLSearchParams(location.search)
const name = entry.elements.namedItem('name') as HTMLInputElement
name.value = wanted.get('name') ?? last.name ?? ''
const hue = entry.elements.namedItem('hue') as RadioNodeList
hue.value = wanted.get('hue') ?? last.hue ?? String(hues[Math.floor(Math.random() * hues.length)])

entry.addEventListener('submit', (event) => {
  event.preventDefault()
  localStorage.setItem('trunkline-arena', JSON.stringify({ name: name.value, hue: hue.value }))
  name.blur()
  fly(name.value, Number(hue.value || hues[0]))
})
if (wanted.has('name')) entry.requestSubmit()

function fly(name: string, hue: number): void {
  const game = new Game({ id: randomId(), name, hue }, (event) => {
    if (event.type === 'hit') tell(`${event.by} has hit you`)
    else if (event.type === 'wrecked') tell(`${event.by} has wrecked you`, 'bad')
    else if (event.type === 'scored') tell(`You have wrecked ${event.victim}`, 'good')
    else if (event.type === 'over') tell(`Your flight is over: ${event.why}`, 'bad')
  })
  // For the console: `game.states`, `game.roundTripMs`.
  Object.assign(globalThis, { game })
  entry.hidden = true
  for (const id of ['#readings', '#scores', '#touch']) part(id).hidden = false
  const controls = new Controls({ stick: part('#stick'), trigger: part('#trigger') })
  showLine(game)
  showReadings(game)
  run(game, controls, new Sky(part('#sky') as HTMLCanvasElement))
}

/** `crypto.randomUUID` is only there over HTTPS: a phone in the same house would have no name. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-')
}

/** Draws as often as the screen likes, and steers sixty times a second, whatever that is. */
function run(game: Game, controls: Controls, sky: Sky): void {
  let steeredAt = performance.now()
  const frame = (): void => {
    const now = performance.now()
    // Behind a hidden tab nothing is made up for.
    if (now - steeredAt > 250) steeredAt = now
    for (; now - steeredAt >= tickMs; steeredAt += tickMs) game.steer(controls.read())
    const names = new Map(game.players.map((player) => [player.ship, player]))
    sky.draw(game.scene(now), { me: game.ship, names })
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}

/** What is wrong with the line, in words, while something is. */
function showLine(game: Game): void {
  const { connection } = game
  const banner = part('#banner')
  const show = (): void => {
    const { status, nextAttemptAt, reason } = connection.state
    banner.hidden = status === 'open' && !game.isSilent
    const wait =
      nextAttemptAt === undefined
        ? ''
        : `, next try in ${Math.max(1, Math.ceil((nextAttemptAt - Date.now()) / 1000))} s`
    const words = {
      idle: 'Connecting …',
      connecting: 'Connecting …',
      open: 'Nothing comes from the server …',
      waiting: `${game.ship ? 'The line is down: your ship waits for you' : 'The server is away'}${wait}`,
      closed: `The line is closed: ${reason ?? 'bye'}`,
    }
    part('#banner [role=status]').textContent = words[status]
    part('#banner button').hidden = status !== 'waiting'
  }
  part('#banner button').addEventListener('click', () => connection.connect().catch(() => {}))
  connection.on('change', show)
  setInterval(show, 500)
  show()
}

function showReadings(game: Game): void {
  let states = 0
  setInterval(() => {
    part('#state-rate').textContent = String(game.states - states)
    states = game.states
    part('#players-count').textContent = String(game.players.length)
    part('#round-trip').textContent = game.roundTripMs === undefined ? '–' : game.roundTripMs.toFixed(0)
  }, 1_000)
  setInterval(() => showScores(game), 250)
}

function showScores({ players, ship }: Game): void {
  const mine = players.findIndex((player) => player.ship === ship)
  const shown = players.map((player, index) => ({ ...player, place: index + 1 })).slice(0, shownScores)
  const me = players[mine]
  if (me && mine >= shownScores) shown.splice(-1, 1, { ...me, place: mine + 1 })
  part('#scores').replaceChildren(
    ...shown.map((player) => {
      const line = document.createElement('li')
      line.value = player.place
      line.style.setProperty('--hue', String(player.hue))
      line.classList.toggle('me', player.ship === ship)
      line.append(player.name, Object.assign(document.createElement('b'), { textContent: String(player.score) }))
      return line
    }),
  )
}

function tell(text: string, kind = ''): void {
  const line = Object.assign(document.createElement('li'), { textContent: text, className: kind })
  part('#news').append(line)
  setTimeout(() => line.remove(), newsMs)
  while (part('#news').children.length > 3) part('#news').firstElementChild?.remove()
}
