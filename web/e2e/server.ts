import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const READY_MS = 20_000;

/** The real server on a free port, with a data folder of its own. */
export class Server {
  private process: ChildProcess | null = null;
  private output = '';

  private constructor(readonly port: number, private readonly dataDir: string, private readonly environment: NodeJS.ProcessEnv) {}

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<Server> {
    const server = new Server(await freePort(), await mkdtemp(path.join(tmpdir(), 'interflow-e2e-')), environment);
    await server.resume();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process again on the same port and data. */
  async resume(): Promise<void> {
    const args = ['serve', '--listen', `127.0.0.1:${this.port}`, '--data-dir', this.dataDir];
    const child = spawn(binary(), args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnvironment(), ...this.environment } });
    this.process = child;
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    const deadline = Date.now() + READY_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the server did not start:\n${this.output}`);
    }
  }

  /** `kill -9`: no goodbye, no flush. */
  async kill(): Promise<void> {
    const process = this.process;
    this.process = null;
    if (!process || process.exitCode !== null) return;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/api/health/ready`)).ok;
    } catch {
      return false; // Not listening yet.
    }
  }
}

/** The server reads its configuration from variables named like ours. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('INTERFLOW_')));
}

function binary(): string {
  const given = process.env.INTERFLOW_BIN;
  const built = ['release', 'debug'].map((profile) => path.resolve(import.meta.dirname, `../../target/${profile}/interflow`));
  const found = given ?? built.find((file) => existsSync(file));
  if (!found) throw new Error('no interflow binary: build it, or name it in INTERFLOW_BIN');
  return found;
}

/** A port nobody listens on; it stays ours over a restart as long as nobody else asks for it. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
