/** Where a chat's files are sent to. */
export interface Place {
  /** The server's origin. */
  server: string;
  run: string;
  /** A share link's token, or a sign-in's. */
  token: string | null;
  /** The chat's own: whoever has it goes on with it from wherever they are. */
  resume: string;
}

/** Why a file was not sent, for whoever sends it. */
export class NotSent extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** How often somebody who is told to come again does. */
const TRIES = 4;

const PROBLEMS: Record<string, string> = {
  file_too_large: 'It is too large.',
  too_many_files: 'This conversation takes no more files. Start over to send others.',
  quota_reached: 'No more files can be kept here at the moment.',
  not_waiting: 'No file is asked for any more.',
  signed_out: 'You are not signed in any more.',
  forbidden: 'You may not send files here.',
  offline: 'It did not get through. Try again when you are online.',
};

interface Answered {
  status: number;
  retryAfter: number;
  body: { id?: string; error?: { code: string; message: string } };
}

/**
 * Sends a file, and answers the id that it has from then on. `XMLHttpRequest`, because `fetch` does
 * not say how much of it has been sent. The same file sent again is there once.
 */
export async function sendFile(to: Place, file: File, progress: (part: number) => void, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const { status, retryAfter, body } = await post(to, file, progress, signal);
    if (body.id !== undefined && status === 201) return body.id;
    const code = body.error?.code ?? 'offline';
    const passes = status === 429 || status === 503;
    if (!passes || attempt === TRIES) throw new NotSent(code, PROBLEMS[code] ?? body.error?.message ?? PROBLEMS.offline!);
    await pause(retryAfter * 1_000, signal);
  }
}

function post(to: Place, file: File, progress: (part: number) => void, signal: AbortSignal): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const url = new URL(`/api/runs/${to.run}/files`, to.server);
    url.searchParams.set('name', file.name);
    request.open('POST', url);
    if (to.token !== null) request.setRequestHeader('authorization', `Bearer ${to.token}`);
    request.setRequestHeader('x-resume-token', to.resume);
    // What the browser takes it for is not believed, and need not be told.
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onload = () =>
      resolve({ status: request.status, retryAfter: Number(request.getResponseHeader('retry-after') ?? 1), body: read(request.responseText) });
    request.onerror = () => reject(new NotSent('offline', PROBLEMS.offline!));
    request.onabort = () => reject(new NotSent('aborted', ''));
    signal.addEventListener('abort', () => request.abort());
    if (signal.aborted) reject(new NotSent('aborted', ''));
    else request.send(file);
  });
}

/** A proxy on the way may answer with something else. */
function read(text: string): Answered['body'] {
  try {
    return JSON.parse(text) as Answered['body'];
  } catch {
    return {};
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new NotSent('aborted', ''));
    });
  });
}
