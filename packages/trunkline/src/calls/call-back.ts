// Functions of the user's, called from inside. Knows nothing else.

/** Runs a function of the user's: its mistake is nobody's failure here, and must not be lost either. */
export function callBack(run: () => void): void {
  try {
    run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
