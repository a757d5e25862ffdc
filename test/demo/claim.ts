/** Throws an error with this sentence unless what the demo is about to show is true. */
export function claim(isTrue: boolean, otherwise: string): asserts isTrue {
  if (!isTrue) throw new Error(otherwise);
}
