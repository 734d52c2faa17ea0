import type { Error as ErrorBody } from './schema.generated';

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

/** What the server says no with. */
export async function refusal(response: Response): Promise<ApiError> {
  // Something between here and the server may have answered in a form of its own.
  const body = (await response.json().catch(() => null)) as Partial<ErrorBody> | null;
  const { code = 'unknown', message = `The server answered ${response.status}.`, details } = body?.error ?? {};
  return new ApiError(response.status, code, message, details && 'field' in details ? details.field : undefined);
}

/** What to tell a person about a failed request. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`.replace(/\.\.$/, '.');
  return error instanceof Unreachable ? 'The server cannot be reached. Check your connection and try again.' : 'Something went wrong. Try again.';
}
