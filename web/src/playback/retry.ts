/** Trying again, ever later. */

/** First pause and longest one, ms. */
export const FIRST_PAUSE = 500
export const LONGEST_PAUSE = 8000

/** The pause after so many failures, ms. */
export const pauseAfter = (failures: number): number => Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)

/** Resolves after `ms`, or at once when `signal` fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

/** Whether another try may help: no answer, or trouble on the server's side. */
function mayPass(thrown: unknown): boolean {
  const status = typeof thrown === 'object' && thrown !== null && 'status' in thrown ? Number(thrown.status) : 0
  return status === 0 || status >= 500
}

/** Does `work`, and again after failures that may pass, `tries` times in all. Throws what it threw last. */
export async function retrying<T>(work: () => Promise<T>, signal: AbortSignal, tries = 4): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (thrown) {
      if (signal.aborted || failures >= tries || !mayPass(thrown)) throw thrown
      await pause(pauseAfter(failures), signal)
    }
  }
}
