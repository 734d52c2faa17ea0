import { expect, test } from './people.ts';

const PASSWORD = 'correct horse battery staple';

test('people change their name and password, and end sign-ins', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const { page } = ann;
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Account settings' }).click();
  const profile = page.getByRole('region', { name: 'Profile' });
  await profile.getByLabel('Name').fill('Ann O’Neil');
  await profile.getByRole('button', { name: 'Save' }).click();
  await expect(profile.getByRole('status')).toHaveText('Saved.');
  await page.getByRole('button', { name: 'Account' }).click();
  await expect(page.getByText('Ann O’Neil', { exact: true })).toBeVisible();
  await page.keyboard.press('Escape');

  // Registered by a program, then signed in on this page.
  const signIns = page.getByRole('region', { name: 'Where you are signed in' });
  await expect(signIns.getByRole('listitem')).toHaveCount(2);
  await expect(signIns.getByText('(here)')).toHaveCount(1);
  await signIns.getByRole('button', { name: 'End the sign-in' }).click();
  await expect(signIns.getByRole('listitem')).toHaveCount(1);

  const password = page.getByRole('region', { name: 'Password' });
  await password.getByLabel('Current password').fill('wrong password');
  await password.getByLabel('New password').fill('another password');
  await password.getByRole('button', { name: 'Change password' }).click();
  await expect(password.getByText('This is not your password.')).toBeVisible();
  await password.getByLabel('Current password').fill(PASSWORD);
  await password.getByRole('button', { name: 'Change password' }).click();
  await expect(password.getByRole('status')).toContainText('Changed.');
  const answer = await ann.context.request.post('/api/auth/login', { data: { email: ann.email, password: 'another password' } });
  expect(answer.status()).toBe(200);
});

test('a key is made, works, and works no more once it is revoked', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const { page } = ann;
  await page.goto('/account');
  const keys = page.getByRole('region', { name: 'API keys' });
  await keys.getByLabel('What it is for').fill('Nightly import');
  await keys.getByLabel('Create and edit flows').check();
  await keys.getByLabel('It is good for').selectOption('30 days');
  await keys.getByRole('button', { name: 'Make a key' }).click();
  await expect(keys.getByRole('listitem')).toContainText('Nightly import');
  await expect(keys.getByRole('listitem')).toContainText('read, edit; until');
  const key = await keys.getByLabel('The key “Nightly import”').inputValue();
  const list = () => ann.context.request.get('/api/flows', { headers: { authorization: `Bearer ${key}` } });
  expect((await list()).status()).toBe(200);
  await page.reload();
  await expect(keys.getByRole('listitem')).toContainText('last used');
  await expect(page.getByText(key)).toHaveCount(0);
  await keys.getByRole('button', { name: 'Revoke the key Nightly import' }).click();
  await expect(keys.getByRole('listitem')).toHaveCount(0);
  expect((await list()).status()).toBe(401);
});

test('who signs in after somebody else sees nothing of theirs', async ({ arrive }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  await ann.create({ name: 'Of Ann alone' });
  const { page } = ann;
  await page.goto('/');
  await expect(page.getByText('Of Ann alone')).toBeVisible();
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  // The list takes its time: what is shown meanwhile is what the page remembers.
  await page.route(/\/api\/flows\?/, () => undefined);
  await page.getByLabel('E-mail').fill(ben.email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Your flows' })).toBeVisible();
  await expect(page.getByText('Loading your flows')).toBeVisible();
  await expect(page.getByText('Of Ann alone')).toHaveCount(0);
});
