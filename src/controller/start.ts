import { randomBytes } from 'node:crypto';
import type { ControllerArguments } from '../cli/command.ts';
import { openKubeApi } from '../kube/api.ts';
import { systemClock } from '../sys/clock.ts';
import { serveHttp } from '../sys/http.ts';
import { openLog } from '../sys/log.ts';
import { openMetrics } from '../sys/metrics.ts';
import { stopSignal } from '../sys/stop-signal.ts';
import { runController } from './controller.ts';
import { KEY_BYTES, keepWitnessKey } from './witness-key.ts';

/** Runs a controller from the command line until SIGTERM or SIGINT. */
export async function startController(args: ControllerArguments): Promise<void> {
  const clock = systemClock();
  const log = openLog(args.logLevel);
  const signal = stopSignal(log);
  const { kubeconfig, namespace, loadBalancerClass, metricsAddress: address } = args;
  const api = await openKubeApi({ kubeconfig, clock, log });
  log.info({ server: api.server }, 'the controller starts');
  const metrics = openMetrics();
  const server = await serveHttp(
    { metrics: metrics.text, unhealthy: () => undefined, unready: () => undefined },
    { address, port: args.metricsPort },
  );
  const shared = { api, namespace, clock, log, signal };
  await Promise.all([
    runController({ ...shared, loadBalancerClass }),
    keepWitnessKey({ ...shared, newKey: () => randomBytes(KEY_BYTES) }),
  ]);
  await Promise.all([server.close(), api.close()]);
  log.info({}, 'the controller has ended in order');
}
