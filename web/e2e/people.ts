import { test as base, expect, type Browser, type BrowserContext, type Locator, type Page } from '@playwright/test';

import { Server } from './server.ts';

const PASSWORD = 'correct horse battery staple';
let counter = 0;

/** Somebody with an account, a browser of their own, and a page. */
export class Person {
  private constructor(readonly server: Server, readonly name: string, readonly email: string, readonly context: BrowserContext, readonly page: Page, private token: string) {}

  static async arrive(browser: Browser, server: Server, name: string): Promise<Person> {
    counter += 1;
    const email = `${name.toLowerCase().replace(' ', '.')}-${process.pid}-${counter}@example.org`;
    const context = await browser.newContext({ baseURL: server.url });
    const answer = await context.request.post('/api/auth/register', { data: { email, password: PASSWORD, name } });
    expect(answer.status()).toBe(201);
    const { token } = (await answer.json()) as { token: string };
    const page = await context.newPage();
    watch(page);
    const person = new Person(server, name, email, context, page, token);
    await page.goto('/');
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Your flows' })).toBeVisible();
    // From here on pages load without the server, too.
    await page.evaluate(() => navigator.serviceWorker.ready);
    return person;
  }

  async create(body: { name?: string; sample?: string; workspaceId?: string; flow?: unknown }): Promise<string> {
    return ((await this.ask('POST', '/api/flows', body)) as { id: string }).id;
  }

  async activate(flow: string): Promise<void> {
    await this.ask('PATCH', `/api/flows/${flow}/activate`, {});
  }

  /** Answers the token of a link with which one may chat with the flow. */
  async runLink(flow: string): Promise<string> {
    return ((await this.ask('POST', `/api/flows/${flow}/links`, { role: 'run' })) as { token: string }).token;
  }

  async share(flow: string, other: Person, role: string): Promise<void> {
    await this.ask('POST', `/api/flows/${flow}/members`, { email: other.email, role });
  }

  async createWorkspace(name: string): Promise<string> {
    return ((await this.ask('POST', '/api/workspaces', { name })) as { id: string }).id;
  }

  /** Answers the invitation's token. */
  async invite(workspace: string, role: string): Promise<string> {
    return ((await this.ask('POST', `/api/workspaces/${workspace}/invitations`, { role })) as { token: string }).token;
  }

  async unshare(flow: string, other: Person): Promise<void> {
    const members = (await this.ask('GET', `/api/flows/${flow}/members`)) as { userId: string; email: string }[];
    await this.ask('DELETE', `/api/flows/${flow}/members/${members.find(({ email }) => email === other.email)!.userId}`);
  }

  /** Keeps the flow as it is now; answers the version's number. */
  async keep(flow: string, name: string): Promise<number> {
    return ((await this.ask('POST', `/api/flows/${flow}/versions`, { name })) as { version: number }).version;
  }

  async restore(flow: string, version: number): Promise<void> {
    await this.ask('POST', `/api/flows/${flow}/versions/${version}/restore`);
  }

  /** The flow as the server has it. */
  async stored(flow: string): Promise<{ nodes: { id: string; type: string; label?: string; data: Record<string, unknown> }[]; edges: { id: string }[] }> {
    return (await this.ask('GET', `/api/flows/${flow}/export`)) as Awaited<ReturnType<Person['stored']>>;
  }

  async open(flow: string): Promise<void> {
    await this.page.goto(`/flows/${flow}`);
    await this.expectState('Saved');
  }

  async expectState(text: string | RegExp): Promise<void> {
    await expect(this.page.getByRole('status')).toHaveText(text);
  }

  get nodes(): Locator {
    return this.page.locator('.react-flow__node');
  }

  get edges(): Locator {
    return this.page.locator('.react-flow__edge');
  }

  node(text: string): Locator {
    return this.nodes.filter({ hasText: text });
  }

  async add(type: string, label: string): Promise<void> {
    await this.page.getByRole('button', { name: `Add ${type}`, exact: true }).click();
    const box = this.page.getByRole('complementary').getByLabel('Label', { exact: true });
    await box.fill(label);
    await box.press('Enter');
    await expect(this.node(label)).toBeVisible();
  }

  async drag(node: Locator, by: { x: number; y: number }): Promise<void> {
    const from = await center(node);
    await this.page.mouse.move(from.x, from.y);
    await this.page.mouse.down();
    await this.page.mouse.move(from.x + by.x / 2, from.y + by.y / 2, { steps: 4 });
    await this.page.mouse.move(from.x + by.x, from.y + by.y, { steps: 4 });
    await this.page.mouse.up();
  }

  async connect(from: Locator, to: Locator): Promise<void> {
    const start = await center(from.locator('.react-flow__handle.source').first());
    const end = await center(to.locator('.react-flow__handle.target').first());
    await this.page.mouse.move(start.x, start.y);
    await this.page.mouse.down();
    await this.page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2, { steps: 4 });
    await this.page.mouse.move(end.x, end.y, { steps: 4 });
    await this.page.mouse.up();
  }

  private async ask(method: string, path: string, data?: unknown): Promise<unknown> {
    const answer = await this.context.request.fetch(path, { method, data, headers: { authorization: `Bearer ${this.token}` } });
    expect(answer.ok(), `${method} ${path}: ${answer.status()}`).toBe(true);
    return answer.status() === 204 ? undefined : answer.json();
  }
}

/** Mistakes of the page itself; every test fails that saw one. */
const mistakes: string[] = [];

function watch(page: Page): void {
  page.on('pageerror', (error) => mistakes.push(`${error.message}\n${error.stack ?? ''}`));
  page.on('console', (message) => {
    // A refused or failed request is for the page to handle, and is logged by the browser.
    const expected = /Failed to load resource|WebSocket connection to|net::ERR/.test(message.text());
    if ((message.type() === 'error' || message.text().includes('[React Flow]')) && !expected) mistakes.push(message.text());
  });
}

export async function center(at: Locator): Promise<{ x: number; y: number }> {
  const box = await at.boundingBox();
  if (!box) throw new Error('there is nothing to point at');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** A test with its own server, and people who come to it. */
export const test = base.extend<{ environment: NodeJS.ProcessEnv; server: Server; arrive: (name: string) => Promise<Person>; guest: Page }>({
  /** Settings of the server beside its defaults: `test.use({ environment: … })`. */
  environment: [{}, { option: true }],
  server: async ({ environment }, use) => {
    const server = await Server.start(environment);
    await use(server);
    await server.stop();
  },
  arrive: async ({ browser, server }, use) => {
    const people: Person[] = [];
    await use(async (name) => {
      const person = await Person.arrive(browser, server, name);
      people.push(person);
      return person;
    });
    await Promise.all(people.map(({ context }) => context.close()));
    expect(mistakes.splice(0)).toEqual([]);
  },
  /** The page of somebody without an account, in a browser of their own. */
  guest: async ({ browser, server }, use) => {
    const context = await browser.newContext({ baseURL: server.url });
    const page = await context.newPage();
    watch(page);
    await use(page);
    await context.close();
  },
});

export { expect };
