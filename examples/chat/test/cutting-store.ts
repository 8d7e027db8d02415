// A store under which the line breaks once, with the first message it is given: before it is saved, or behind that.
import { Store } from '../store.ts'

export class CuttingStore extends Store {
  readonly #when: 'before' | 'behind'
  #cut: (() => void) | undefined

  constructor(rooms: readonly string[], when: 'before' | 'behind', cut: () => void) {
    super(rooms)
    this.#when = when
    this.#cut = cut
  }

  override async add(given: Parameters<Store['add']>[0]): ReturnType<Store['add']> {
    const cut = this.#cut
    this.#cut = undefined
    if (cut && this.#when === 'before') {
      cut()
      throw new Error('the server has died')
    }
    const added = await super.add(given)
    cut?.()
    return added
  }
}
