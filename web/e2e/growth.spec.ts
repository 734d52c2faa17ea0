import { expect, test } from './people.ts';

test.use({ environment: { INTERFLOW_LIMITS__DOCUMENT_BYTES: '12000' } });

test('a flow that is nearly full says so to everybody who edits it, and refuses only when it is full', async ({ arrive }) => {
  const ann = await arrive('Ann Lee');
  const ben = await arrive('Ben Ode');
  const flow = await ann.create({ name: 'Large' });
  await ann.share(flow, ben, 'editor');
  await ann.open(flow);
  await ben.open(flow);
  const warning = ben.page.getByRole('region', { name: 'Size of the flow' });
  await ann.add('Note', 'Long');
  await expect(warning).toBeHidden();
  const text = ann.page.getByRole('complementary').getByLabel('Text', { exact: true });
  await text.fill('x'.repeat(10_000));
  await expect(warning).toContainText(/This flow is 8\d % full/);
  await expect(ann.page.getByRole('region', { name: 'Size of the flow' })).toBeVisible();
  await ann.expectState('Saved');
  await ben.page.screenshot({ path: 'test-results/nearly-full-1280.png' });
  await text.press('End');
  await text.pressSequentially('y'.repeat(3));
  await ann.expectState('Saved');
  await text.fill('z'.repeat(10_000));
  await expect(ann.page.getByRole('alert')).toContainText('not sent');
});
