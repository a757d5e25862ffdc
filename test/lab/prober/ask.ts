/** One way to ask an address whether it is there. */
export interface Asker {
  ask(target: string, id: number): void;
  close(): void;
}

export interface AskerEvents {
  /** `id` undefined if the protocol does not number its questions. */
  answered(target: string, id: number | undefined, by: string): void;
  /** The kernel refused to send; the code is like `ENETUNREACH`. */
  refused(code: string): void;
}

/** What an error is counted under. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.message : String(error);
}
