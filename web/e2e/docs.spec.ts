import { expect, test } from './people.ts';

test('the page of the API shows every operation and fetches nothing from elsewhere', async ({ page, server }) => {
  const elsewhere: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`${server.url}/api/docs`);
  const answer = await page.request.get(`${server.url}/api/openapi.json`);
  const { paths } = (await answer.json()) as { paths: Record<string, object> };
  const operations = Object.values(paths).flatMap((path) => Object.keys(path));
  await expect(page.locator('.opblock')).toHaveCount(operations.length);
  await page.locator('#operations-account-login').getByRole('button').first().click();
  await expect(page.getByText('The address or the password is wrong.')).toBeVisible();
  expect(elsewhere).toEqual([]);
  // The page's own rules (Content-Security-Policy) hold back nothing that it needs.
  expect(complaints).toEqual([]);
});
