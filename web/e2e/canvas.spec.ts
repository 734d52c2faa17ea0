import { expect, test } from './people.ts';

test('who tries a flow is seen on everybody’s canvas, step by step', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const ben = await arrive('Ben');
  const flow = await ann.create({ sample: 'quiz' });
  await ann.share(flow, ben, 'viewer');
  await ann.open(flow);
  await ben.open(flow);
  await expect(ben.page.getByRole('button', { name: 'Try it' })).toHaveCount(0);

  await ann.page.getByRole('button', { name: 'Try it' }).click();
  const chat = ann.page.getByRole('region', { name: 'Try the flow' });
  await expect(chat.getByRole('button', { name: 'The Danube' })).toBeVisible();
  // At the question, with the way to it; and it is nobody who is here.
  for (const { page } of [ann, ben]) {
    await expect(page.getByTestId('run-here')).toHaveText('Ann’s run waits here');
    await expect(page.getByTestId('run-here')).toHaveAttribute('data-status', 'waiting');
    await expect(page.locator('.react-flow__edge path.taken').first()).toBeAttached();
    await expect(page.getByRole('list', { name: 'People here' }).getByRole('listitem')).toHaveCount(2);
  }
  // It comes back to where it asks: the way there is another one.
  const way = () => ben.page.locator('.react-flow__edge:has(path.taken)').evaluateAll((edges) => edges.map((edge) => edge.getAttribute('data-id')).join());
  const first = await way();
  await ann.page.screenshot({ path: 'test-results/trying-1280.png' });
  await ben.page.setViewportSize({ width: 900, height: 700 });
  await ben.page.screenshot({ path: 'test-results/somebody-tries-900.png' });

  await chat.getByRole('button', { name: 'The Danube' }).click();
  await expect(chat.getByRole('log')).toContainText('Right!');
  await expect.poll(way).not.toBe(first);
  await ann.page.getByRole('button', { name: 'Stop trying' }).click();
  await expect(ben.page.getByTestId('run-here')).toHaveAttribute('data-status', 'cancelled');
  await expect(ben.page.getByTestId('run-here')).toHaveCount(0);
});
