import { expect, test, type Person } from './people.ts';

const SIZES = [{ width: 1280, height: 800 }, { width: 900, height: 700 }];

async function picture(person: Pick<Person, 'page'>, name: string): Promise<void> {
  for (const size of SIZES) {
    await person.page.setViewportSize(size);
    await person.page.screenshot({ path: `test-results/${name}-${size.width}.png` });
    const wide = await person.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide, `${name} is wider than ${size.width} pixels`).toBeLessThanOrEqual(0);
  }
  await person.page.setViewportSize(SIZES[0]!);
}

test('every view has a picture and fits the window', async ({ arrive, browser, server }) => {
  const visitor = await browser.newPage({ baseURL: server.url });
  await visitor.goto('/');
  await expect(visitor.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await visitor.getByLabel('E-mail').fill('nobody@example.org');
  await visitor.getByLabel('Password').fill('not the password');
  await visitor.getByRole('button', { name: 'Sign in' }).click();
  await expect(visitor.getByRole('alert')).toBeVisible();
  await picture({ page: visitor }, 'sign-in');
  await visitor.getByRole('link', { name: 'Create an account' }).click();
  await picture({ page: visitor }, 'register');
  await visitor.close();

  const ann = await arrive('Ann Lee');
  const ben = await arrive('Ben Ode');
  const { page } = ann;
  await expect(page.getByText('No flows yet')).toBeVisible();
  await picture(ann, 'flows-empty');

  await page.getByRole('button', { name: 'New flow' }).click();
  await expect(page.getByRole('radio')).toHaveCount(6);
  await picture(ann, 'create');
  await page.getByRole('radio').nth(1).check();
  await page.getByRole('button', { name: 'Create flow' }).click();
  await ann.expectState('Saved');
  await expect(ann.nodes.first()).toBeVisible();
  await picture(ann, 'editor');
  const flow = page.url().split('/').at(-1)!;

  await ann.nodes.nth(1).click();
  await picture(ann, 'editor-node');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByLabel('E-mail of the person').fill(ben.email);
  await page.getByLabel('Role of the person').selectOption('viewer');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('list', { name: 'Members' })).toContainText('Ben Ode');
  await picture(ann, 'share');
  await page.keyboard.press('Escape');

  await ben.open(flow);
  await expect(ben.page.getByText('View only')).toBeVisible();
  await ben.nodes.nth(1).click();
  await picture(ben, 'viewer');
  await ann.unshare(flow, ben);
  await expect(ben.page.getByText('You no longer have access to this flow')).toBeVisible();
  await picture(ben, 'no-access');

  const empty = await ann.create({ name: 'A new idea' });
  await ann.open(empty);
  await picture(ann, 'editor-empty');
  await page.goto('/');
  await expect(page.getByRole('list', { name: 'Flows' }).getByRole('listitem')).toHaveCount(2);
  await picture(ann, 'flows');
  await page.getByRole('button', { name: 'More about A new idea' }).click();
  await picture(ann, 'flow-menu');
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await picture(ann, 'delete');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.goto('/account');
  const keys = page.getByRole('region', { name: 'API keys' });
  await keys.getByLabel('What it is for').fill('Nightly import');
  await keys.getByRole('button', { name: 'Make a key' }).click();
  await expect(keys.getByRole('listitem')).toBeVisible();
  await picture(ann, 'account');
  await keys.getByRole('button', { name: 'Make a key' }).scrollIntoViewIfNeeded();
  await picture(ann, 'account-keys');
  await page.goto('/flows/nothing');
  await expect(page.getByText('There is no such flow')).toBeVisible();
  await picture(ann, 'not-found');

  await server.kill();
  await page.goto(`/flows/${flow}`);
  await ann.expectState('Offline');
  await picture(ann, 'editor-offline');
  await page.goto('/');
  await expect(page.getByText('Your flows could not be loaded')).toBeVisible();
  await picture(ann, 'flows-unreachable');
  await page.goto('/flows/00000000-0000-7000-8000-000000000000');
  await expect(page.getByText('The server cannot be reached')).toBeVisible();
  await picture(ann, 'unreachable');
});
