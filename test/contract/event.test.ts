import { describe, expect, it, vi } from 'vitest'
import { event, isStreamEvent } from '../../packages/trunkline/src/contract/event.ts'

describe('event', () => {
  it('holds a value and its id', () => {
    const value = { text: 'hi' }
    const made = event(value, { id: '7' })
    expect(made.value).toBe(value)
    expect(made.id).toBe('7')
    expect(isStreamEvent(made)).toBe(true)
  })

  it.each([
    ['none', undefined],
    ['an empty one', { id: '' }],
    ['a number', { id: 7 }],
    ['one of 513 characters', { id: 'x'.repeat(513) }],
  ])('refuses as id: %s', (_name, options) => {
    expect(() => event(1, options as { id: string })).toThrow(TypeError)
  })

  it('takes an id of 512 characters', () => {
    expect(event(1, { id: 'x'.repeat(512) }).id).toHaveLength(512)
  })

  it.each([
    ['an object of the same shape', { value: 1, id: '7' }],
    ['null', null],
    ['text', 'x'],
    ['undefined', undefined],
  ])('%s is no event', (_name, value) => {
    expect(isStreamEvent(value)).toBe(false)
  })

  it('is known to another copy of this file', async () => {
    vi.resetModules()
    const copy = await import('../../packages/trunkline/src/contract/event.ts')
    expect(isStreamEvent(copy.event(1, { id: 'a' }))).toBe(true)
  })
})
