import { center, expect, test, type Person } from './people.ts';

async function together(arrive: (name: string) => Promise<Person>, role = 'editor'): Promise<{ ann: Person; ben: Person; flow: string }> {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const flow = await ann.create({ name: 'Together' });
  await ann.share(flow, ben, role);
  await ann.open(flow);
  await ben.open(flow);
  return { ann, ben, flow };
}

test('two people edit one flow live, both ways', async ({ arrive }) => {
  const { ann, ben, flow } = await together(arrive);
  await ann.add('Start', 'Begin');
  await expect(ben.node('Begin')).toBeVisible();
  await ben.add('Message', 'Hello');
  await expect(ann.node('Hello')).toBeVisible();

  await ann.drag(ann.node('Begin'), { x: -260, y: -120 });
  await ann.page.keyboard.press('Escape');
  await ann.connect(ann.node('Begin'), ann.node('Hello'));
  await expect(ben.edges).toHaveCount(1);
  await ann.page.getByRole('complementary').getByLabel('Label').fill('at once');
  await expect(ben.page.getByText('at once')).toBeVisible();

  // Both type into one prose field; nothing of either is lost.
  await ann.node('Hello').click();
  await ben.node('Hello').click();
  const [hers, his] = [ann.page.getByRole('region', { name: 'Block 1' }).getByLabel('Text'), ben.page.getByRole('region', { name: 'Block 1' }).getByLabel('Text')];
  await hers.pressSequentially('Good morning 🙂');
  await expect(his).toHaveValue('Good morning 🙂');
  await his.press('Home');
  await Promise.all([his.pressSequentially('Ben: '), hers.pressSequentially(' to all')]);
  await expect(hers).toHaveValue('Ben: Good morning 🙂 to all');
  await expect(his).toHaveValue('Ben: Good morning 🙂 to all');

  await ann.page.getByLabel('Name of the flow').fill('Renamed');
  await expect(ben.page.getByLabel('Name of the flow')).toHaveValue('Renamed');
  await ann.expectState('Saved');
  await ben.expectState('Saved');
  expect((await ann.stored(flow)).nodes.map(({ label }) => label).sort()).toEqual(['Begin', 'Hello']);

  await ben.node('Hello').click();
  await ben.page.getByRole('button', { name: 'Delete node' }).click();
  await expect(ann.node('Hello')).toHaveCount(0);
  await expect(ann.edges).toHaveCount(0);
});

test('people see who is here, where they point, what they select and drag', async ({ arrive }) => {
  const { ann, ben } = await together(arrive);
  await expect(ann.page.getByRole('list', { name: 'People here' }).getByRole('img', { name: 'Ben' })).toBeVisible();
  await ann.add('Message', 'Target');
  await expect(ben.node('Target')).toBeVisible();

  const canvas = await center(ann.page.locator('.react-flow'));
  await ann.page.mouse.move(canvas.x, canvas.y - 200);
  const cursor = ben.page.getByTestId('cursor');
  await expect(cursor).toHaveText('Ann');
  await expect(ben.page.getByTestId('selected-by')).toHaveText('Ann');

  const before = await center(ben.node('Target'));
  const start = await center(ann.node('Target'));
  await ann.page.mouse.move(start.x, start.y);
  await ann.page.mouse.down();
  await ann.page.mouse.move(start.x + 150, start.y + 90, { steps: 8 });
  // Not dropped yet, and seen all the same.
  await expect.poll(async () => (await center(ben.node('Target'))).x).toBeGreaterThan(before.x + 100);
  await ben.page.screenshot({ path: 'test-results/presence-1280.png' });
  await ann.expectState('Saved');
  await ann.page.mouse.up();

  await ann.page.mouse.move(canvas.x, 10);
  await expect(cursor).toHaveCount(0);
  await ann.context.close();
  await expect(ben.page.getByRole('list', { name: 'People here' }).getByRole('img', { name: 'Ann' })).toHaveCount(0);
});

test('undo takes back one gesture of one\'s own, never another person\'s', async ({ arrive }) => {
  const { ann, ben } = await together(arrive);
  await ann.add('Message', 'Of Ann');
  await expect(ben.node('Of Ann')).toBeVisible();
  await ben.add('Message', 'Of Ben');
  await expect(ann.node('Of Ben')).toBeVisible();
  await expect(ann.node('Of Ann')).toBeVisible();

  await ann.page.keyboard.press('Escape');
  await ann.page.locator('.react-flow__pane').click({ position: { x: 30, y: 30 } });
  await ann.page.keyboard.press('Control+z'); // the label
  await expect(ben.node('Of Ann')).toHaveCount(0);
  await expect(ann.nodes).toHaveCount(2);
  await ann.page.keyboard.press('Control+z'); // the node
  await expect(ben.nodes).toHaveCount(1);
  await ann.page.keyboard.press('Control+z'); // nothing of hers is left
  await expect(ann.page.getByRole('button', { name: 'Undo' })).toBeDisabled();
  await expect(ben.node('Of Ben')).toBeVisible();
  await ann.page.keyboard.press('Control+Shift+z');
  await ann.page.keyboard.press('Control+Shift+z');
  await expect(ben.node('Of Ann')).toBeVisible();
});

test('a viewer sees everything live and can change nothing, until made an editor', async ({ arrive }) => {
  const { ann, ben, flow } = await together(arrive, 'viewer');
  await ann.add('Message', 'Look');
  await expect(ben.node('Look')).toBeVisible();
  await expect(ben.page.getByText('View only')).toBeVisible();
  await expect(ben.page.getByRole('navigation', { name: 'Add a node' })).toHaveCount(0);

  const before = await center(ann.node('Look'));
  await ben.drag(ben.node('Look'), { x: 120, y: 60 });
  await ben.page.keyboard.press('Delete');
  await ben.node('Look').click();
  await expect(ben.page.getByRole('complementary').getByLabel('Label', { exact: true })).toBeDisabled();
  await expect(ben.page.getByRole('button', { name: 'Delete node' })).toHaveCount(0);
  await ben.expectState('Saved');
  await ann.page.getByLabel('Name of the flow').fill('A later edit');
  await expect(ben.page.getByRole('heading', { name: 'A later edit' })).toBeVisible();
  expect(await center(ann.node('Look'))).toEqual(before);

  await ann.share(flow, ben, 'editor');
  await ben.add('End', 'Now I may');
  await expect(ann.node('Now I may')).toBeVisible();
  await ben.expectState('Saved');
});

test('somebody who is removed is told so, and keeps a copy', async ({ arrive }) => {
  const { ann, ben, flow } = await together(arrive);
  await ben.add('Message', 'Mine');
  await ben.expectState('Saved');
  await ann.unshare(flow, ben);
  await expect(ben.page.getByRole('alert')).toContainText('You no longer have access to this flow');
  await ben.expectState('No access');
  await expect(ben.page.getByRole('navigation', { name: 'Add a node' })).toHaveCount(0);
  const download = ben.page.waitForEvent('download');
  await ben.page.getByRole('button', { name: 'Export my copy' }).click();
  expect((await download).suggestedFilename()).toBe('together.json');

  // The copy is one that flows are made from.
  await ben.page.getByRole('link', { name: 'Go to your flows' }).click();
  await ben.page.getByLabel('Flow to import').setInputFiles(await (await download).path());
  await expect(ben.node('Mine')).toBeVisible();
  await ben.expectState('Saved');
});

test('an editor made a viewer keeps unsent changes until they decide', async ({ arrive }) => {
  const { ann, ben, flow } = await together(arrive);
  await ben.context.setOffline(true);
  await ben.expectState('Offline');
  await ben.add('Message', 'Too late');
  await ben.expectState(/^Offline · 2 unsent changes$/);
  await ann.share(flow, ben, 'viewer');
  await ben.context.setOffline(false);
  await ben.expectState(/^Changes refused · 2 unsent changes$/);
  await expect(ben.node('Too late')).toBeVisible();
  expect((await ann.stored(flow)).nodes).toEqual([]);
  await ben.page.screenshot({ path: 'test-results/refused-1280.png' });
  await ben.page.getByRole('button', { name: 'Discard my copy' }).click();
  await ben.expectState('Saved');
  await expect(ben.nodes).toHaveCount(0);
});
