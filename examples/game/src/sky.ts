// The picture: sky, ships, shots, sparks and the map, on one canvas. Knows what is to be seen, and not how the page came to know it.
import { arena, shipRadius } from '../ship.ts'
import type { ShipView, ShotView } from '../snapshot.ts'
import type { Scene } from './timeline.ts'

export interface Pilots {
  readonly me: number
  /** By ship. */
  readonly names: ReadonlyMap<number, { readonly name: string; readonly hue: number }>
}

interface Star {
  readonly x: number
  readonly y: number
  readonly depth: number
  readonly colour: string
}

interface Spark {
  x: number
  y: number
  readonly vx: number
  readonly vy: number
  readonly hue: number
  left: number
}

/** So many units are seen of the shorter side at least. */
const sight = 640
const sparkFrames = 45
const mapWidth = 148
const starTile = 512

export class Sky {
  readonly #canvas: HTMLCanvasElement
  readonly #paper: CanvasRenderingContext2D
  readonly #stars = scatterStars()
  #sparks: Spark[] = []
  /** To see who has burst since. */
  #shields = new Map<number, number>()
  #camera = { x: arena.width / 2, y: arena.height / 2 }

  constructor(canvas: HTMLCanvasElement) {
    const paper = canvas.getContext('2d', { alpha: false })
    if (!paper) throw new Error('This browser draws on no canvas')
    this.#canvas = canvas
    this.#paper = paper
    const fit = () => {
      const scale = Math.min(2, devicePixelRatio)
      canvas.width = Math.round(innerWidth * scale)
      canvas.height = Math.round(innerHeight * scale)
    }
    addEventListener('resize', fit)
    fit()
  }

  draw(scene: Scene, pilots: Pilots): void {
    const { width, height } = this.#canvas
    const paper = this.#paper
    const me = scene.ships.find(({ id }) => id === pilots.me)
    if (me) this.#camera = { x: me.x, y: me.y }
    const scale = Math.min(width, height) / sight
    paper.setTransform(1, 0, 0, 1, 0, 0)
    this.#drawBehind(width, height, scale)
    paper.setTransform(scale, 0, 0, scale, width / 2 - this.#camera.x * scale, height / 2 - this.#camera.y * scale)
    this.#drawArena()
    const hueOf = (ship: number) => pilots.names.get(ship)?.hue ?? 200
    this.#drawShots(scene.shots, hueOf)
    for (const ship of scene.ships) {
      const before = this.#shields.get(ship.id) ?? ship.shield
      if (ship.shield < before) this.#burst(ship, hueOf(ship.id), ship.shield === 0 ? 70 : 10)
      if (ship.shield > 0) this.#drawShip(ship, hueOf(ship.id), pilots.names.get(ship.id)?.name, ship === me)
    }
    this.#shields = new Map(scene.ships.map(({ id, shield }) => [id, shield]))
    this.#drawSparks()
    this.#drawMap(scene.ships, pilots.me, hueOf)
  }

  #drawBehind(width: number, height: number, scale: number): void {
    const paper = this.#paper
    paper.fillStyle = '#070b16'
    paper.fillRect(0, 0, width, height)
    const size = starTile * scale
    for (const { x, y, depth, colour } of this.#stars) {
      const [left, top] = [(x - this.#camera.x * depth) * scale, (y - this.#camera.y * depth) * scale]
      paper.fillStyle = colour
      const side = scale * 2.4 * depth + 0.6
      for (let at = wrap(left, size); at < width; at += size)
        for (let down = wrap(top, size); down < height; down += size) paper.fillRect(at, down, side, side)
    }
  }

  #drawArena(): void {
    const paper = this.#paper
    paper.lineWidth = 1
    paper.strokeStyle = 'rgb(120 160 255 / 0.1)'
    paper.beginPath()
    for (let x = 100; x < arena.width; x += 100) {
      paper.moveTo(x, 0)
      paper.lineTo(x, arena.height)
    }
    for (let y = 100; y < arena.height; y += 100) {
      paper.moveTo(0, y)
      paper.lineTo(arena.width, y)
    }
    paper.stroke()
    for (const [lineWidth, alpha] of [
      [14, 0.08],
      [6, 0.18],
      [2, 0.9],
    ] as const) {
      paper.lineWidth = lineWidth
      paper.strokeStyle = `rgb(99 230 190 / ${alpha})`
      paper.strokeRect(0, 0, arena.width, arena.height)
    }
  }

  #drawShip(ship: ShipView, hue: number, name: string | undefined, isMine: boolean): void {
    const paper = this.#paper
    paper.save()
    paper.globalAlpha = ship.isAway ? 0.35 : 1
    paper.translate(ship.x, ship.y)
    paper.save()
    paper.rotate(ship.angle)
    if (ship.isThrusting) flame(paper, hue)
    hull(paper, hue, isMine)
    paper.restore()
    this.#drawShield(ship, hue)
    if (name && !isMine) {
      paper.font = '600 12px "Figtree Variable", sans-serif'
      paper.textAlign = 'center'
      paper.fillStyle = `hsl(${hue} 60% 85% / 0.85)`
      paper.fillText(ship.isAway ? `${name} (away)` : name, 0, shipRadius + 26)
    }
    paper.restore()
  }

  /** An arc for each hit that it still takes; a whole ring while nothing hits it. */
  #drawShield({ shield, isSafe }: ShipView, hue: number): void {
    const paper = this.#paper
    paper.lineWidth = 2
    paper.strokeStyle = `hsl(${hue} 90% 75% / ${isSafe ? 0.9 : 0.5})`
    const third = (2 * Math.PI) / 3
    for (let index = 0; index < (isSafe ? 3 : shield); index++) {
      const from = -Math.PI / 2 + index * third
      paper.beginPath()
      paper.arc(0, 0, shipRadius + 7, from + (isSafe ? 0 : 0.18), from + third - (isSafe ? 0 : 0.18))
      paper.stroke()
    }
  }

  #drawShots(shots: readonly ShotView[], hueOf: (ship: number) => number): void {
    const paper = this.#paper
    paper.globalCompositeOperation = 'lighter'
    for (const { owner, x, y } of shots) {
      for (const [radius, alpha, light] of [
        [9, 0.18, 60],
        [5, 0.45, 65],
        [2.4, 1, 92],
      ] as const) {
        paper.fillStyle = `hsl(${hueOf(owner)} 95% ${light}% / ${alpha})`
        paper.beginPath()
        paper.arc(x, y, radius, 0, 2 * Math.PI)
        paper.fill()
      }
    }
    paper.globalCompositeOperation = 'source-over'
  }

  #burst({ x, y, vx, vy }: ShipView, hue: number, count: number): void {
    for (let index = 0; index < count; index++) {
      const angle = Math.random() * 2 * Math.PI
      const speed = Math.random() * 4
      const left = sparkFrames * (0.4 + 0.6 * Math.random())
      this.#sparks.push({
        x,
        y,
        vx: vx * 0.4 + Math.cos(angle) * speed,
        vy: vy * 0.4 + Math.sin(angle) * speed,
        hue,
        left,
      })
    }
  }

  #drawSparks(): void {
    const paper = this.#paper
    paper.globalCompositeOperation = 'lighter'
    for (const spark of this.#sparks) {
      spark.x += spark.vx
      spark.y += spark.vy
      spark.left--
      const part = spark.left / sparkFrames
      paper.fillStyle = `hsl(${spark.hue} 95% ${55 + 35 * part}% / ${part})`
      paper.fillRect(spark.x - 1.5, spark.y - 1.5, 3, 3)
    }
    paper.globalCompositeOperation = 'source-over'
    this.#sparks = this.#sparks.filter(({ left }) => left > 0)
  }

  #drawMap(ships: readonly ShipView[], me: number, hueOf: (ship: number) => number): void {
    const paper = this.#paper
    const ratio = this.#canvas.width / innerWidth
    const isPhone = innerWidth < 700
    const width = isPhone ? 104 : mapWidth
    const part = width / arena.width
    const height = arena.height * part
    // Thumbs have the lower corners of a phone.
    const [left, top] = isPhone ? [12, 64] : [innerWidth - width - 16, innerHeight - height - 16]
    paper.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio)
    paper.fillStyle = 'rgb(10 15 28 / 0.72)'
    paper.strokeStyle = 'rgb(120 160 255 / 0.28)'
    paper.lineWidth = 1
    paper.beginPath()
    paper.roundRect(0, 0, width, height, 6)
    paper.fill()
    paper.stroke()
    for (const { id, shield, x, y } of ships) {
      if (shield === 0) continue
      paper.fillStyle = id === me ? '#fff' : `hsl(${hueOf(id)} 85% 65%)`
      paper.beginPath()
      paper.arc(x * part, y * part, id === me ? 3 : 1.8, 0, 2 * Math.PI)
      paper.fill()
    }
  }
}

function hull(paper: CanvasRenderingContext2D, hue: number, isMine: boolean): void {
  paper.beginPath()
  paper.moveTo(shipRadius + 4, 0)
  paper.lineTo(-shipRadius + 2, shipRadius - 3)
  paper.lineTo(-shipRadius + 8, 0)
  paper.lineTo(-shipRadius + 2, -shipRadius + 3)
  paper.closePath()
  paper.fillStyle = `hsl(${hue} 70% 46%)`
  paper.fill()
  paper.lineJoin = 'round'
  paper.lineWidth = 2
  paper.strokeStyle = isMine ? '#fff' : `hsl(${hue} 95% 78%)`
  paper.stroke()
}

function flame(paper: CanvasRenderingContext2D, hue: number): void {
  const length = 12 + Math.random() * 10
  paper.beginPath()
  paper.moveTo(-shipRadius + 5, 5)
  paper.lineTo(-shipRadius - length, 0)
  paper.lineTo(-shipRadius + 5, -5)
  paper.closePath()
  paper.fillStyle = `hsl(${hue + 30} 100% 72% / 0.85)`
  paper.fill()
}

/** Stars of one tile, which is repeated: the nearer, the faster they pass, and the brighter they are. */
function scatterStars(): Star[] {
  return Array.from({ length: 60 }, () => {
    const depth = 0.15 + Math.random() * 0.45
    const colour = `hsl(${200 + Math.random() * 60} 70% 85% / ${0.1 + depth * Math.random()})`
    return { x: Math.random() * starTile, y: Math.random() * starTile, depth, colour }
  })
}

const wrap = (at: number, size: number): number => (((at % size) + size) % size) - size
