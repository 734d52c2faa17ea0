import { expect, test } from './people.ts';

test('a version restored under people who edit disconnects nobody, and undo goes on to work', async ({ arrive }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const flow = await ann.create({ name: 'Restored' });
  await ann.share(flow, ben, 'editor');
  await ann.open(flow);
  await ben.open(flow);
  await ann.add('Message', 'First');
  await ann.expectState('Saved');
  const version = await ann.keep(flow, 'One node');

  await ben.add('Message', 'Second');
  await expect(ann.node('Second')).toBeVisible();
  await ann.node('First').click();
  const label = ann.page.getByRole('complementary').getByLabel('Label', { exact: true });
  await label.fill('Renamed');
  await label.press('Enter');
  await expect(ben.node('Renamed')).toBeVisible();
  await ben.expectState('Saved');
  await ann.restore(flow, version);
  for (const person of [ann, ben]) {
    await expect(person.node('First')).toBeVisible();
    await expect(person.nodes).toHaveCount(1);
    await person.expectState('Saved');
  }

  // What was undone by the restore is not hers to undo; what she does from here on is.
  await ann.drag(ann.node('First'), { x: 120, y: 60 });
  await ann.page.locator('.react-flow__pane').click({ position: { x: 30, y: 30 } });
  const place = async () => ann.node('First').evaluate((node) => (node as HTMLElement).style.transform);
  const dragged = await place();
  expect(dragged).not.toContain('NaN');
  await ann.page.keyboard.press('Control+z');
  await expect.poll(place).not.toBe(dragged);
  await expect(ben.node('First')).toBeVisible();
  await ann.page.keyboard.press('Control+Shift+z');
  await expect.poll(place).toBe(dragged);
  await ben.page.screenshot({ path: 'test-results/restored-1280.png' });
  await ann.expectState('Saved');
  expect((await ben.stored(flow)).nodes.map(({ label: stored }) => stored)).toEqual(['First']);
});
