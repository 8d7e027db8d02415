// Keys and thumbs, as one answer to "what does the pilot want now?". Knows no ship.
import type { Steer } from '../ship.ts'

const directions: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ...{ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] },
  ...{ KeyA: [-1, 0], KeyD: [1, 0], KeyW: [0, -1], KeyS: [0, 1] },
}

/** How far the stick goes, in CSS pixels. */
const reach = 52

export class Controls {
  readonly #keys = new Set<string>()
  #stick = { x: 0, y: 0 }
  #isTriggerDown = false

  constructor({ stick, trigger }: { stick: HTMLElement; trigger: HTMLElement }) {
    addEventListener('keydown', (event) => {
      if (event.target instanceof HTMLInputElement) return
      if (event.code in directions || event.code === 'Space') event.preventDefault()
      this.#keys.add(event.code)
    })
    addEventListener('keyup', ({ code }) => this.#keys.delete(code))
    // Keys that are let go elsewhere are never heard of.
    addEventListener('blur', () => this.#keys.clear())
    this.#followStick(stick)
    hold(trigger, (isDown) => {
      this.#isTriggerDown = isDown
    })
  }

  read(): Steer {
    let { x, y } = this.#stick
    for (const key of this.#keys) {
      x += directions[key]?.[0] ?? 0
      y += directions[key]?.[1] ?? 0
    }
    const length = Math.max(1, Math.hypot(x, y))
    return { x: x / length, y: y / length, fire: this.#keys.has('Space') || this.#isTriggerDown }
  }

  #followStick(stick: HTMLElement): void {
    const knob = stick.firstElementChild as HTMLElement
    const put = (x: number, y: number) => {
      this.#stick = { x: x / reach, y: y / reach }
      knob.style.transform = `translate(${x}px, ${y}px)`
    }
    const follow = ({ clientX, clientY }: PointerEvent) => {
      const { left, top, width, height } = stick.getBoundingClientRect()
      const [x, y] = [clientX - left - width / 2, clientY - top - height / 2]
      const shrink = Math.min(1, reach / Math.max(1, Math.hypot(x, y)))
      put(x * shrink, y * shrink)
    }
    hold(stick, (isDown, event) => (isDown ? follow(event) : put(0, 0)))
    stick.addEventListener('pointermove', (event) => {
      if (stick.hasPointerCapture(event.pointerId)) follow(event)
    })
  }
}

/** A finger that slides off still holds. */
function hold(part: HTMLElement, changed: (isDown: boolean, event: PointerEvent) => void): void {
  part.addEventListener('pointerdown', (event) => {
    part.setPointerCapture(event.pointerId)
    changed(true, event)
  })
  for (const type of ['pointerup', 'pointercancel'] as const)
    part.addEventListener(type, (event) => changed(false, event))
}
