import { type ApiFailure, failure, failureOfError } from './answer.ts';

/** The lines of one chunk, or the end of the stream. `end` comes exactly once, last. */
export type StreamItem =
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'end'; readonly failure: ApiFailure | undefined };

/**
 * No object of Kubernetes is bigger than etcd's request limit of 1.5 MiB; twice that leaves room
 * for escapes.
 */
const MAX_LINE = 4 * 1024 * 1024;

/**
 * Cuts a stream of bytes into lines; a failure of the stream is its last item, not an exception.
 */
export async function* streamLines(
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) {
        yield {
          kind: 'end',
          failure: failure('server-error', `a line over ${MAX_LINE} characters`),
        };
        return;
      }
      yield { kind: 'lines', lines: lines.filter((line) => line !== '') };
    }
  } catch (error) {
    yield { kind: 'end', failure: failureOfError(error, signal.aborted ? 'aborted' : undefined) };
    return;
  }
  yield { kind: 'end', failure: undefined };
}
