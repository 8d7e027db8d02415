// The JSON of what is plain. Knows nothing of what else can travel.

/** From here on looking whether a text can stand in its JSON as it is takes less time than it saves. */
const longLength = 512
/** As many characters put in as they are save what it costs to write a member by hand. */
const memberLength = 100

/** A text with nothing to escape: no quote, backslash, control character or surrogate, of which a single one is escaped. */
const asItIs = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/

/**
 * What `JSON.stringify` gives of a value that it carries whole. Long text at the top, or in a property there, is put in as it is
 * where it can be: V8 would go over it character by character, and put the pieces together.
 */
export function toJson(value: unknown): string {
  if (typeof value === 'string' && value.length >= longLength && asItIs.test(value)) return `"${value}"`
  if (!isMostlyText(value)) return JSON.stringify(value)
  let json = ''
  for (const name of Object.keys(value)) {
    // Undefined of what JSON leaves out.
    const member: string | undefined = toJson(value[name])
    if (member) json += `${json && ','}${JSON.stringify(name)}:${member}`
  }
  return `{${json}}`
}

function isMostlyText(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || Array.isArray(value)) return false
  let saved = 0
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name]
    saved += typeof member === 'string' && member.length >= longLength ? member.length : -memberLength
  }
  return saved > 0
}
