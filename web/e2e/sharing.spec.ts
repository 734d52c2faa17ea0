import type { Page } from '@playwright/test';

import { expect, test, type Person } from './people.ts';

/** Makes a link in the share dialog, as its owner does. */
async function makeLink({ page }: Person, role: string, lifetime: string): Promise<string> {
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByLabel('What people with the link may').selectOption(role);
  await page.getByLabel('How long the link is good').selectOption(lifetime);
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.getByLabel('The link. Copy it now').inputValue();
  await page.keyboard.press('Escape');
  return link;
}

const state = (page: Page) => page.locator('[role=status][data-state]');
const node = (page: Page, text: string) => page.locator('.react-flow__node').filter({ hasText: text });

test('a guest edits with a link, without an account, until it is revoked', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Shared' });
  await ann.open(flow);
  await ann.add('Start', 'Begin');
  const link = await makeLink(ann, 'May edit', 'For 7 days');
  expect(link).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/flows/${flow}#link=ifl_[\\w-]+$`));
  const token = link.split('=')[1]!;

  const asked: string[] = [];
  guest.on('request', (request) => asked.push(request.url()));
  await guest.goto(link);
  await expect(state(guest)).toHaveText('Saved');
  await expect(node(guest, 'Begin')).toBeVisible();
  // The address and what asks for pages know nothing of the token any more.
  expect(new URL(guest.url()).hash).toBe('');
  expect(asked.filter((url) => url.includes(token))).toEqual([]);
  await expect(guest.getByRole('button', { name: 'Share', exact: true })).toHaveCount(0);
  await expect(ann.page.getByRole('list', { name: 'People here' })).toContainText('G');

  await guest.getByRole('button', { name: 'You are a guest' }).click();
  await guest.getByRole('menuitem', { name: 'Choose a name' }).click();
  await guest.getByLabel('Name', { exact: true }).fill('Zoe');
  await guest.getByRole('button', { name: 'Save' }).click();
  await expect(state(guest)).toHaveText('Saved');
  await expect(ann.page.getByRole('list', { name: 'People here' }).getByTitle('Zoe (guest)')).toBeVisible();

  await guest.getByRole('button', { name: 'Add Message', exact: true }).click();
  const label = guest.getByRole('complementary').getByLabel('Label', { exact: true });
  await label.fill('From a guest');
  await label.press('Enter');
  await expect(ann.node('From a guest')).toBeVisible();
  await expect(state(guest)).toHaveText('Saved');

  // The tab keeps the link for a reload, and nobody else does.
  await guest.reload();
  await expect(state(guest)).toHaveText('Saved');
  const elsewhere = await guest.context().newPage();
  await elsewhere.goto(`/flows/${flow}`);
  await expect(elsewhere.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await elsewhere.close();

  await ann.page.getByRole('button', { name: 'Share', exact: true }).click();
  await ann.page.screenshot({ path: 'test-results/share-links-1280.png' });
  await ann.page.getByRole('button', { name: /^Revoke the link: May edit/ }).click();
  await expect(ann.page.getByRole('list', { name: 'Share links' }).getByRole('listitem')).toHaveCount(0);
  await expect(guest.getByRole('alert')).toContainText('This link does not open the flow any more');
  await expect(state(guest)).toHaveText('Link ended');
  await guest.screenshot({ path: 'test-results/link-ended-1280.png' });
  await guest.getByRole('alert').getByRole('button', { name: 'Sign in' }).click();
  await expect(guest.getByRole('heading', { name: 'Sign in to Interflow' })).toBeVisible();
});

test('with a link for viewing a guest only sees', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Shown' });
  await ann.open(flow);
  await ann.add('Start', 'Begin');
  await guest.goto(await makeLink(ann, 'May view', 'Until revoked'));
  await expect(node(guest, 'Begin')).toBeVisible();
  await expect(guest.getByText('View only')).toBeVisible();
  await expect(guest.getByRole('button', { name: 'Add Message', exact: true })).toHaveCount(0);
  await ann.add('Message', 'Seen at once');
  await expect(node(guest, 'Seen at once')).toBeVisible();
  await guest.setViewportSize({ width: 900, height: 700 });
  await guest.screenshot({ path: 'test-results/guest-viewer-900.png' });
  expect(await guest.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);

  await guest.getByRole('button', { name: 'You are a guest' }).click();
  await guest.getByRole('menuitem', { name: 'Sign in' }).click();
  await expect(guest.getByRole('heading', { name: 'Sign in to Interflow' })).toBeVisible();
  await guest.getByRole('button', { name: 'Go on as a guest' }).click();
  await expect(node(guest, 'Begin')).toBeVisible();
});

test('what a guest edits offline is kept, apart from what accounts keep', async ({ arrive }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const { page } = ben;
  const flow = await ann.create({ name: 'Away' });
  await ann.open(flow);
  const link = await makeLink(ann, 'May edit', 'For 7 days');
  await page.goto(link);
  await ben.expectState('Saved');
  await ben.context.setOffline(true);
  await ben.expectState('Offline');
  await ben.add('Message', 'Of a guest');
  await ben.expectState('Offline · 2 unsent changes');

  // Of the same device, and in Ben's own name from now on: the guest's edits are none of Ben's.
  await ann.share(flow, ben, 'editor');
  await ben.context.setOffline(false);
  await ben.expectState('Saved');
  await expect(ann.node('Of a guest')).toBeVisible();
  await page.reload();
  await ben.expectState('Saved');
  await expect(page.getByRole('button', { name: 'You are a guest' })).toHaveCount(0);
  const names = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name ?? ''));
  const kept = names.filter((name) => name.endsWith(`:${flow}`));
  expect(kept).toHaveLength(2);
  expect(kept.filter((name) => name.startsWith('interflow:guest-'))).toHaveLength(1);
  expect(kept.join()).not.toContain(link.split('=')[1]);
});

test('a guest without an account reloads while the server is away', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Far' });
  await ann.open(flow);
  await guest.goto(await makeLink(ann, 'May edit', 'Until revoked'));
  await expect(state(guest)).toHaveText('Saved');
  await guest.evaluate(() => navigator.serviceWorker.ready);
  await guest.context().setOffline(true);
  await expect(state(guest)).toHaveText('Offline');
  await guest.getByRole('button', { name: 'Add Message', exact: true }).click();
  await expect(state(guest)).toHaveText('Offline · 1 unsent change');
  await guest.reload();
  await expect(state(guest)).toHaveText('Offline · 1 unsent change');
  await guest.context().setOffline(false);
  await expect(state(guest)).toHaveText('Saved');
  await expect(ann.nodes).toHaveCount(1);
});

test('a link that has ended opens nothing, and says so', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Gone' });
  await guest.goto(`/flows/${flow}#link=ifl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`);
  await expect(guest.getByText('This link does not open the flow')).toBeVisible();
  await guest.screenshot({ path: 'test-results/link-unknown-1280.png' });
  await guest.getByRole('button', { name: 'Sign in' }).click();
  await expect(guest.getByRole('heading', { name: 'Sign in to Interflow' })).toBeVisible();
});

test('people with an account come by their own role where they have one, else as guests', async ({ arrive }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const flow = await ann.create({ name: 'Both' });
  await ann.open(flow);
  const link = await makeLink(ann, 'May edit', 'For 1 day');
  await ben.page.goto(link);
  await ben.expectState('Saved');
  await expect(ben.page.getByRole('button', { name: 'You are a guest' })).toBeVisible();
  await expect(ann.page.getByRole('list', { name: 'People here' }).getByTitle('Ben (guest)')).toBeVisible();

  await ann.share(flow, ben, 'viewer');
  await ben.page.reload();
  await expect(ben.page.getByText('View only')).toBeVisible();
  await expect(ben.page.getByRole('button', { name: 'You are a guest' })).toHaveCount(0);
});

test('who is invited joins a workspace, signed in or after registering', async ({ arrive, guest }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const workspace = await ann.createWorkspace('Support team');
  await ann.create({ name: 'Of the team', workspaceId: workspace });

  await ann.page.getByRole('button', { name: 'Invite people' }).click();
  await ann.page.getByLabel('Workspace').selectOption('Support team');
  await ann.page.getByRole('button', { name: 'Make an invitation' }).click();
  const invitation = await ann.page.getByLabel('The invitation, good for a week').inputValue();
  await ann.page.screenshot({ path: 'test-results/invite-1280.png' });
  await ben.page.goto(invitation);
  await expect(ben.page.getByRole('heading', { name: 'Join Support team' })).toBeVisible();
  await expect(ben.page.getByText('as an editor')).toBeVisible();
  await ben.page.screenshot({ path: 'test-results/join-1280.png' });
  await ben.page.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(ben.page.getByRole('list', { name: 'Flows' })).toContainText('Of the team');
  expect(new URL(ben.page.url()).pathname).toBe('/');

  await guest.goto(`/join#${await ann.invite(workspace, 'viewer')}`);
  await expect(guest.getByText('You are invited to Support team as a viewer.')).toBeVisible();
  await guest.screenshot({ path: 'test-results/join-signed-out-1280.png' });
  await guest.getByRole('button', { name: 'Create an account' }).click();
  await guest.getByLabel('Name').fill('Cid');
  await guest.getByLabel('E-mail').fill(`cid-${process.pid}@example.org`);
  await guest.getByLabel('Password').fill('correct horse battery staple');
  await guest.getByRole('button', { name: 'Create account' }).click();
  await guest.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(guest.getByRole('list', { name: 'Flows' })).toContainText('Of the team');

  await guest.goto('/join#ifi_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
  await expect(guest.getByText('This invitation is not good any more')).toBeVisible();
});
