import { expect, test } from './people.ts';

test('edits made offline survive a reload and are merged on return', async ({ arrive }) => {
  const [ann, ben] = [await arrive('Ann'), await arrive('Ben')];
  const flow = await ann.create({ name: 'Apart' });
  await ann.share(flow, ben, 'editor');
  await ann.open(flow);
  await ben.open(flow);
  await ann.add('Start', 'Begin');
  await expect(ben.node('Begin')).toBeVisible();

  await ann.context.setOffline(true);
  await ann.expectState('Offline');
  await ann.add('Message', 'Written offline');
  await ann.expectState('Offline · 2 unsent changes');
  await ben.add('End', 'Meanwhile');
  await ben.expectState('Saved');
  await ann.page.reload();
  await expect(ann.node('Written offline')).toBeVisible();
  await ann.expectState('Offline · 2 unsent changes');
  await ann.add('Delay', 'After the reload');
  await ann.expectState('Offline · 4 unsent changes');
  expect((await ben.stored(flow)).nodes).toHaveLength(2);

  await ann.context.setOffline(false);
  await ann.expectState('Saved');
  for (const label of ['Begin', 'Written offline', 'After the reload', 'Meanwhile']) {
    await expect(ann.node(label)).toBeVisible();
    await expect(ben.node(label)).toBeVisible();
  }
  expect((await ben.stored(flow)).nodes).toHaveLength(4);
  // Nothing is counted twice by the next page.
  await ann.page.reload();
  await ann.expectState('Saved');
});

test('what was saved survives kill -9, and what was not is sent again', async ({ arrive, server }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Robust' });
  await ann.open(flow);
  await ann.add('Message', 'Acknowledged');
  await ann.expectState('Saved');
  await server.kill();
  await ann.expectState('Offline');
  await ann.add('Message', 'Meanwhile');
  await ann.expectState('Offline · 2 unsent changes');
  await server.resume();
  await ann.expectState('Saved');
  const { nodes } = await ann.stored(flow);
  expect(nodes.map(({ label }) => label).sort()).toEqual(['Acknowledged', 'Meanwhile']);

  // Once more, and with no browser left that could repair anything.
  await ann.page.close();
  await server.kill();
  await server.resume();
  expect((await ann.stored(flow)).nodes.map(({ label }) => label).sort()).toEqual(['Acknowledged', 'Meanwhile']);
});

test('the state line says saving until the server has acknowledged', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Slow' });
  let release: (() => void) | null = null;
  // Holds the server's acknowledgements back, and nothing else.
  await ann.page.routeWebSocket(/\/sync\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (typeof message === 'string' || message[0] !== 102) return socket.send(message);
      release = () => socket.send(message);
    });
  });
  await ann.open(flow);
  await ann.page.getByRole('button', { name: 'Add Message', exact: true }).click();
  await ann.expectState('Saving 1 change…');
  await ann.page.getByRole('button', { name: 'Add End', exact: true }).click();
  await ann.expectState('Saving 2 changes…');
  await expect.poll(() => release !== null).toBe(true);
  release!();
  release = null;
  // The first acknowledgement covers the first change only.
  await ann.expectState('Saving 1 change…');
  await expect.poll(() => release !== null).toBe(true);
  release!();
  await ann.expectState('Saved');
});

test('a copy with another history is not mixed with the flow', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Original' });
  await ann.open(flow);
  await ann.add('Message', 'Kept apart');
  await ann.expectState('Saved');
  // As if the server had been set up anew under the same address.
  await ann.page.routeWebSocket(/\/sync\//, (socket) => {
    const url = new URL(socket.url());
    if (url.searchParams.has('lineage')) void socket.close({ code: 4409, reason: 'the document has another history' });
    else socket.connectToServer();
  });
  await ann.page.reload();
  await expect(ann.page.getByRole('alert')).toContainText('not the one on this device');
  await ann.expectState('Another history');
  await expect(ann.node('Kept apart')).toBeVisible();
  await ann.page.screenshot({ path: 'test-results/other-history-1280.png' });
  await ann.page.getByRole('button', { name: 'Discard my copy' }).click();
  await ann.expectState('Saved');
});

test('edits made before the first connection arrive', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Early' });
  let connect: (() => void) | null = null;
  await ann.page.routeWebSocket(/\/sync\//, (socket) => {
    const held: (string | Buffer)[] = [];
    socket.onMessage((message) => held.push(message));
    connect = () => {
      const server = socket.connectToServer();
      socket.onMessage((message) => server.send(message));
      server.onMessage((message) => socket.send(message));
      for (const message of held) server.send(message);
    };
  });
  await ann.page.goto(`/flows/${flow}`);
  await ann.expectState('Connecting…');
  await ann.add('Message', 'Early bird');
  await ann.expectState('Connecting… · 2 unsent changes');
  await expect.poll(() => connect !== null).toBe(true);
  connect!();
  await ann.expectState('Saved');
  expect((await ann.stored(flow)).nodes.map(({ label }) => label)).toEqual(['Early bird']);
});
