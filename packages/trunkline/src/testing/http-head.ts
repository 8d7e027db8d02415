// Finds where an HTTP head ends in a stream of bytes, however it is cut up. Reads nothing of it but the status.

/** An empty line ends the head: RFC 9112 section 2.1. */
const headEnd = [13, 10, 13, 10]
/** As long as `HTTP/1.1 101`. */
const statusLength = 12

export class HttpHead {
  /** Bytes of the whole head; undefined until its last one was seen. */
  length: number | undefined
  #seen = 0
  #matched = 0
  #start = ''

  /** True for the head of an answer that switches protocols. */
  get isSwitch(): boolean {
    return this.length !== undefined && /^HTTP\/1\.1 101$/.test(this.#start)
  }

  /** How many of these bytes belong to the head. */
  read(bytes: Uint8Array): number {
    if (this.length !== undefined) return 0
    for (const [index, byte] of bytes.entries()) {
      if (this.#start.length < statusLength) this.#start += String.fromCharCode(byte)
      if (byte === headEnd[this.#matched]) this.#matched++
      else this.#matched = byte === 13 ? 1 : 0
      if (this.#matched === headEnd.length) {
        this.length = this.#seen + index + 1
        return index + 1
      }
    }
    this.#seen += bytes.length
    return bytes.length
  }
}
