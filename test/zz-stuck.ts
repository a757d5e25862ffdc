import { startLab } from './lab/lab.ts';
import { run } from './lab/run.ts';
for (let i = 0; i < 8; i++) {
  await using lab = await startLab({ nodes: 3, clients: 1, backends: [] });
  await lab.install();
  const ds = await Promise.all([lab.controller(), ...lab.nodes.map((n) => lab.agent(n))]);
  let ok = false;
  const t0 = performance.now();
  while (performance.now() - t0 < 12000) {
    const l = await lab.controlPlane.kubectl(['-n', 'leasehold-system', 'get', 'lease', '-o', 'name']);
    if (lab.nodes.every((n) => l.includes(`/hb.${n.name}\n`))) { ok = true; break; }
    await new Promise((r) => setTimeout(r, 200));
  }
  console.log(i, ok, ((performance.now() - t0) / 1000).toFixed(1));
  if (!ok) {
    const l = await lab.controlPlane.kubectl(['-n', 'leasehold-system', 'get', 'lease', '-o', 'name']);
    console.log(l);
    for (const n of lab.nodes) if (!l.includes(`/hb.${n.name}\n`)) {
      const d = ds.find((x) => x.name === n.name)!;
      console.log(d.process.output());
      for (const p of ['healthz', 'readyz', 'metrics']) console.log(await run('curl', ['-s', `http://127.0.0.1:7475/${p}`], { netns: n.netns }).catch((e) => String(e)));
      console.log(await run('ss', ['-tnp'], { netns: n.netns }));
      console.log(await run('ip', ['addr'], { netns: n.netns }));
    }
    break;
  }
}
