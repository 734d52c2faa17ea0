/** The server answered, and said no. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Stable; what programs decide by. */
    readonly code: string,
    message: string,
    /** The field that is wrong, if one is. */
    readonly field: string | undefined,
  ) {
    super(message);
  }
}

/** The server could not be asked, or could not answer for now. */
export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super('The server cannot be reached.', { cause });
  }
}

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  token?: string | null;
}

/** One request. The answer's shape is the server's promise; nothing here checks it. */
export async function request<T>(path: string, { method = 'GET', body, token }: ApiRequest = {}): Promise<T> {
  const headers = new Headers();
  if (token) headers.set('authorization', `Bearer ${token}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  let response: Response;
  try {
    response = await fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  } catch (cause) {
    throw new Unreachable(cause);
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  if (response.status >= 502 && response.status <= 504) throw new Unreachable();
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as { error?: { code?: string; message?: string; details?: { field?: string } } } | null;
  const { code = 'unknown', message = `The server answered ${response.status}.`, details } = body?.error ?? {};
  return new ApiError(response.status, code, message, details?.field);
}

/** What to tell a person about a failed request. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`.replace(/\.\.$/, '.');
  return error instanceof Unreachable ? 'The server cannot be reached. Check your connection and try again.' : 'Something went wrong. Try again.';
}
