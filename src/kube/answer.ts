/**
 * What the API server answered, as a value: operating errors are facts to decide on, not
 * exceptions.
 */
export type ApiAnswer = ApiSuccess | ApiFailure;

export interface ApiSuccess {
  readonly ok: true;
  readonly status: number;
  readonly body: unknown;
}

export interface ApiFailure {
  readonly ok: false;
  readonly kind: FailureKind;
  /** HTTP status, or 0 if none arrived. */
  readonly status: number;
  /** `reason` of the server's Status object, else the error code of the connection. */
  readonly reason: string;
  /** One line for people. */
  readonly message: string;
  /** From `Retry-After`, if the server sent one. */
  readonly retryAfterMs?: number;
}

/**
 * `refused`: nobody listens there. `unreachable`: any other failure of the connection. `timeout`:
 * it may have been
 * carried out. `aborted`: by our own signal. `invalid`: the server understood and will never accept
 * it as it is.
 */
export type FailureKind =
  | 'conflict'
  | 'not-found'
  | 'forbidden'
  | 'unauthorized'
  | 'gone'
  | 'invalid'
  | 'throttled'
  | 'server-error'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'aborted';

const KIND_OF_STATUS: Readonly<Record<number, FailureKind>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  422: 'invalid',
  429: 'throttled',
};

const MAX_MESSAGE = 400;

/** The failure that an HTTP status of 300 or more and the body of its answer stand for. */
export function failureOfStatus(
  status: number,
  body: string,
  retryAfter: string | undefined,
): ApiFailure {
  const details = statusDetails(body);
  const seconds = Number(retryAfter);
  return {
    ok: false,
    kind: KIND_OF_STATUS[status] ?? 'server-error',
    status,
    reason: details.reason ?? `HTTP ${status}`,
    message: oneLine(details.message ?? body) || `HTTP status ${status}`,
    ...(retryAfter !== undefined && seconds >= 0 && { retryAfterMs: seconds * 1000 }),
  };
}

/** The failure that an exception of the HTTP client stands for. */
export function failureOfError(
  error: unknown,
  ended: 'timeout' | 'aborted' | undefined,
): ApiFailure {
  const code = codeOf(error);
  const message = oneLine(error instanceof Error ? error.message : String(error)) || code;
  const kind = ended ?? kindOfCode(code);
  return { ok: false, kind, status: 0, reason: code, message };
}

/** A failure of our own making, where the server's answer was of no use. */
export function failure(kind: FailureKind, message: string): ApiFailure {
  return { ok: false, kind, status: 0, reason: kind, message };
}

function kindOfCode(code: string): FailureKind {
  if (code === 'ECONNREFUSED') return 'refused';
  return /TIMEOUT|ETIMEDOUT/.test(code) ? 'timeout' : 'unreachable';
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error.cause === undefined ? error.name : codeOf(error.cause);
}

function statusDetails(body: string): { reason?: string; message?: string } {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return {};
    const { reason, message } = parsed as { reason?: unknown; message?: unknown };
    return {
      ...(typeof reason === 'string' && reason !== '' && { reason }),
      ...(typeof message === 'string' && { message }),
    };
  } catch {
    return {};
  }
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line;
}
