/**
 * Plays one golden case: starts its world, submits its mail, walks its script, and waits after each step until nothing is
 * due any more. What came of it is told by golden-observation.ts.
 */
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import type { ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import { isTerminal } from "../../src/core/recipient-state.ts";
import { internetOf } from "./golden-folder.ts";
import type { GoldenCase, GoldenStep } from "./golden-folder.ts";
import { eventually, SHIPPED_PACK, World } from "./world.ts";

const MINUTE_MS = 60_000;

export type GoldenRun = { readonly world: World; readonly messageId: string };

/** The caller closes the world. */
export async function startGoldenWorld(golden: GoldenCase): Promise<World> {
  const packs = golden.pack === null ? [SHIPPED_PACK] : [SHIPPED_PACK, golden.pack];
  return World.start({ ...internetOf(golden.world), config: golden.policy, packs });
}

export async function playGolden(golden: GoldenCase, world: World): Promise<GoldenRun> {
  const { envelope, script = [] } = golden.world;
  const messageId = await world.accept({
    mailFrom: envelope.from,
    rcptTo: envelope.to.map((to) => (typeof to === "string" ? to : to.address)),
    rcptParameters: envelope.to.map((to) => (typeof to === "string" ? "" : ` ${to.parameters}`)),
    bytes: golden.message,
    ...(envelope.parameters === undefined ? {} : { mailParameters: ` ${envelope.parameters}` }),
  });
  await quiet(world);
  for (const step of script) {
    await perform(step, world, messageId);
    await quiet(world);
  }
  return { world, messageId };
}

async function perform(step: GoldenStep, world: World, messageId: string): Promise<void> {
  if ("advance_minutes" in step) {
    world.advance(step.advance_minutes * MINUTE_MS);
  } else if ("set_behaviour" in step) {
    for (const [name, behaviour] of Object.entries(step.set_behaviour)) {
      world.server(name).setBehaviour(behaviour as MxBehaviour);
    }
  } else if ("set_dns" in step) {
    for (const [name, entry] of Object.entries(step.set_dns)) {
      world.internet.dns.setRecord(name, entry as ZoneEntry | null);
    }
  } else {
    await act(step, world, messageId);
  }
}

type PersonStep = Extract<GoldenStep, { operator: unknown } | { reviewer: unknown }>;

async function act(step: PersonStep, world: World, messageId: string): Promise<void> {
  const ids = (await world.recipients(messageId)).filter(({ state }) => !isTerminal(state)).map(({ id }) => id);
  const who = { ids, actor: { user: "ada", uid: 1001, sudoUser: null }, reason: "golden case" };
  const { done } = await ("operator" in step
    ? world.postern.act({ ...who, action: step.operator })
    : world.postern.review.decide({ ...who, act: step.reviewer }));
  if (ids.length === 0 || done.length < ids.length) throw new Error(`not done: ${JSON.stringify(step)}`);
}

/** Nobody works on anything, and nothing is due before the clock is moved again. */
async function quiet(world: World): Promise<void> {
  await eventually(async () => {
    const all = await world.postern.store.recipients({ limit: 10_000 });
    const isQuiet = all.every(
      ({ state, lease, dueAt }) => isTerminal(state) || (lease === null && dueAt > world.now()),
    );
    return isQuiet && all.length > 0 ? all : null;
  });
}
