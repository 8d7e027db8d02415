// The chat's page as a reader has it: what is found by role and name, and what can be measured. Knows no server.
import type { Locator, Page } from 'playwright-core'

export const log = (page: Page): Locator => page.getByRole('log')
export const people = (page: Page): Locator => page.getByRole('region', { name: 'People' }).getByRole('listitem')
export const room = (page: Page, name: string): Locator => page.getByRole('link', { name, exact: true })

export const lineIs = (page: Page, words: string): Promise<void> =>
  page.getByRole('status').getByText(words, { exact: true }).waitFor()

export async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox').fill(text)
  await page.getByRole('textbox').press('Enter')
}

/** Every page shows it once; `waitFor` fails on a locator that finds two. */
export async function seenOnce(pages: Page[], text: string): Promise<void> {
  await Promise.all(pages.map((page) => log(page).getByText(text, { exact: true }).waitFor()))
}

/** Everything said, in order. */
export const said = (page: Page): Promise<string[]> => log(page).getByRole('paragraph').allTextContents()

/** How far the message with this text has come, in the words of its tick. */
export const tick = (page: Page, text: string, words: string): Promise<void> =>
  log(page).getByRole('listitem').filter({ hasText: text }).getByRole('img', { name: words, exact: true }).waitFor()

export async function isInView(part: Locator, height: number): Promise<boolean> {
  const box = await part.boundingBox()
  return box !== null && box.y >= 0 && box.y + box.height <= height
}

/** What has the focus: its role, or its tag, and its name. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement: element } = document
    const name = element?.getAttribute('aria-label') ?? element?.textContent
    return `${element?.getAttribute('role') ?? element?.localName} ${name}`
  })

/** Every text on the page whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3), with its ratio. */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    if (!context) throw new Error('no canvas')
    /** Paints colours over each other, the last on top, and gives the relative luminance of what is seen. */
    const luminance = (colours: string[]): number => {
      for (const colour of colours) {
        context.fillStyle = colour
        context.fillRect(0, 0, 1, 1)
      }
      const [red = 0, green = 0, blue = 0] = [...context.getImageData(0, 0, 1, 1).data].map((byte) => {
        const part = byte / 255
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const behind = (element: Element | null): string[] =>
      element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ['white']
    const ratio = (element: Element, colour: string): number => {
      const back = behind(element)
      const [one, other] = [luminance(back), luminance([...back, colour])]
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    }

    const faint: string[] = []
    const check = (element: Element, text: string, pseudo?: string): void => {
      const found = ratio(element, getComputedStyle(element, pseudo).color)
      if (found < 4.5) faint.push(`${text}: ${found.toFixed(2)}`)
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const { parentElement, textContent } = node
      if (textContent?.trim() && parentElement?.checkVisibility({ visibilityProperty: true }))
        check(parentElement, textContent)
    }
    for (const field of document.querySelectorAll('textarea')) check(field, field.placeholder, '::placeholder')
    return faint
  })
}
