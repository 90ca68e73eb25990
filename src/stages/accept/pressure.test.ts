/** What a peer meets while the machine is pressed, step by step of the dialog. */
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { nextPressure } from "../../core/pressure.ts";
import type { Pressure, PressureFigures } from "../../core/pressure.ts";
import { closeAll, Dialog, LIMITS, listen, OPEN } from "./accept.suite.ts";

afterEach(closeAll);

const pressed = (figures: Partial<PressureFigures>): Pressure =>
  nextPressure([], { ...OPEN.figures, ...figures }, LIMITS);
const SLOW = pressed({ commitWaiting: 10 });
const FULL = pressed({ queueRecipients: 1_000 });
const CLOSED = pressed({ isSpaceRefused: true });
const NO_SPACE = "452 4.3.1 Insufficient system resources; try again later";
const GOODBYE = "421 4.3.2 Taking no mail now; try again later";
const EHLO = "EHLO me.test";
const MAIL = "MAIL FROM:<a@b.test>";
const RCPT = "RCPT TO:<c@d.test>";
const BODY = "Subject: x\r\n\r\nx\r\n";

describe("before a message", () => {
  test("a full machine answers MAIL with 452, and the session goes on until it is taken", async () => {
    const { dial, spool, log } = await listen();
    spool.pressure = FULL;
    const dialog = await dial();
    expect(await dialog.sayAll(EHLO, MAIL)).toBe(NO_SPACE);
    expect(log).toContainEqual(
      expect.objectContaining({ event: "accept_refused", fields: expect.objectContaining({ code: "PST-PRS-005" }) }),
    );
    spool.pressure = OPEN;
    expect(await dialog.submit(BODY)).toMatch(/^250/);
  });

  test("a closed machine greets nobody", async () => {
    const { port, spool } = await listen();
    spool.pressure = CLOSED;
    const dialog = Dialog.to(port);
    expect(await dialog.reply()).toBe(GOODBYE);
    expect(await dialog.reply()).toBe("closed");
  });

  test("a machine that closes says so at the next MAIL and ends the session", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.say(EHLO);
    spool.pressure = CLOSED;
    expect(await dialog.say(MAIL)).toBe(GOODBYE);
    expect(await dialog.reply()).toBe("closed");
  });

  test("a slow machine takes the envelope", async () => {
    const { dial, spool } = await listen();
    spool.pressure = SLOW;
    expect(await (await dial()).sayAll(EHLO, MAIL, RCPT)).toBe("250 2.1.5 Recipient OK");
  });
});

describe("SIZE", () => {
  const room = (roomBytes: number | null): Pressure => ({ ...OPEN, roomBytes });

  test.each([
    ["larger than the room", 1_000, 1_001, NO_SPACE],
    ["just the room", 1_000, 1_000, "250 2.1.0 Sender OK"],
    ["anything where the room is unknown", null, 100_000, "250 2.1.0 Sender OK"],
    ["nothing told", 0, 0, "250 2.1.0 Sender OK"],
  ])("%s", async (_name, roomBytes, size, expected) => {
    const { dial, spool } = await listen();
    spool.pressure = room(roomBytes);
    expect(await (await dial()).sayAll(EHLO, `${MAIL} SIZE=${size}`)).toBe(expected);
  });

  test("what others announced is spoken for, until their transactions end", async () => {
    const { dial, spool } = await listen();
    spool.pressure = room(1_000);
    const [first, second] = [await dial(), await dial()];
    await first.sayAll(EHLO, `${MAIL} SIZE=600`);
    expect(await second.sayAll(EHLO, `${MAIL} SIZE=600`)).toBe(NO_SPACE);
    await first.say("RSET");
    expect(await second.say(`${MAIL} SIZE=600`)).toMatch(/^250/);
    second.destroy();
    await expect.poll(() => first.say(`${MAIL} SIZE=700`)).toMatch(/^250/);
  });
});

describe("a message under way", () => {
  test("is read no further while the machine is slow, and taken when it has caught up", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    spool.pressure = SLOW;
    expect(await dialog.sayAll(EHLO, MAIL, RCPT, "DATA")).toMatch(/^354/);
    let written = 0;
    spool.onWrite = async (chunk) => void (written += chunk.length);
    dialog.send(`${BODY}.\r\n`);
    expect(await dialogIsSilentFor(dialog, 120)).toBe(true);
    expect(written).toBe(0);
    spool.pressure = OPEN;
    expect(await dialog.reply()).toMatch(/^250/);
    expect(spool.message).toBe(BODY);
  });

  test.each(["DATA", "BDAT"])("by %s waits no longer than pauseMsMax: 452, and nothing is kept", async (verb) => {
    const { dial, spool, log } = await listen({ limits: { pauseMsMax: 60 } });
    const dialog = await dial();
    spool.pressure = SLOW;
    await dialog.sayAll(EHLO, MAIL, RCPT);
    if (verb === "DATA") await dialog.say("DATA");
    dialog.send(verb === "DATA" ? `${BODY}.\r\n` : `BDAT ${BODY.length} LAST\r\n${BODY}`);
    expect(await dialog.reply()).toBe(NO_SPACE);
    expect(spool.submissions).toEqual([]);
    expect(spool.aborted).toHaveLength(1);
    expect(log).toContainEqual(expect.objectContaining({ fields: expect.objectContaining({ code: "PST-PRS-013" }) }));
  });

  test("completes on a machine that became full meanwhile", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(EHLO, MAIL, RCPT, "DATA");
    dialog.send(BODY);
    spool.pressure = FULL;
    dialog.send(".\r\n");
    expect(await dialog.reply()).toMatch(/^250/);
  });

  test("is refused with 452 where the machine closed meanwhile, and nothing is kept", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(EHLO, MAIL, RCPT, "DATA");
    dialog.send(BODY);
    spool.pressure = CLOSED;
    dialog.send(".\r\n");
    expect(await dialog.reply()).toBe(NO_SPACE);
    expect(spool.submissions).toEqual([]);
    expect(spool.aborted).toHaveLength(1);
    expect(await dialog.say("NOOP")).toBe("250 2.0.0 OK");
  });

  test("is not even asked for where the machine closed after RCPT", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(EHLO, MAIL, RCPT);
    spool.pressure = CLOSED;
    expect(await dialog.say("DATA")).toBe(NO_SPACE);
    expect(spool.opened).toBe(0);
  });

  test("gets its answer also where the disk hangs and what was written cannot be removed", async () => {
    const { dial, spool } = await listen({ limits: { handlerTimeoutMs: 50, closeTimeoutMs: 50 } });
    let come = (): void => {};
    const hangs = new Promise<void>((resolve) => (come = resolve));
    spool.onWrite = () => hangs;
    spool.onAbort = () => hangs;
    const dialog = await dial();
    expect(await dialog.submit(BODY)).toBe("451 4.3.0 Storing took too long; try again");
    expect(await dialog.say("NOOP")).toBe("250 2.0.0 OK");
    come();
  });
});

test("whatever the pressure does meanwhile, 250 is said exactly for what became durable", async () => {
  const levels = [OPEN, SLOW, FULL, CLOSED];
  const storing = fc.constantFrom("takes", "rejects", "loses the body");
  const story = fc.record({
    // What each look finds, in turn; OPEN once told out.
    looks: fc.array(fc.nat(3), { maxLength: 12 }),
    messages: fc.array(storing, { minLength: 1, maxLength: 4 }),
    verb: fc.constantFrom("DATA", "BDAT"),
  });
  await fc.assert(
    fc.asyncProperty(story, async ({ looks, messages, verb }) => {
      const { port, spool } = await listen({ limits: { pauseMsMax: 60 } });
      const left = [...looks];
      spool.look = () => levels[left.shift() ?? 0] ?? OPEN;
      let acknowledged = 0;
      for (const fate of messages) {
        spool.onFinish = async () => {
          if (fate === "loses the body") throw new Error("no");
        };
        spool.onSubmission = async () => {
          if (fate === "rejects") throw new Error("no");
        };
        const before = spool.submissions.length;
        const reply = await handIn(Dialog.to(port), verb);
        const isTaken = reply.startsWith("250 2.0.0 queued");
        expect(spool.submissions.length - before).toBe(isTaken ? 1 : 0);
        expect(isTaken ? spool.message : reply).toMatch(
          isTaken ? /^Subject: x\r\n\r\nx\r\n$/ : /^4(?:[25]1|52) 4\.3\./,
        );
        acknowledged += isTaken ? 1 : 0;
      }
      expect(spool.submissions).toHaveLength(acknowledged);
      await closeAll();
    }),
    { numRuns: 60 },
  );
}, 60_000);

/** The reply that ended it: to the message, or to the step that was refused. */
async function handIn(dialog: Dialog, verb: string): Promise<string> {
  const greeting = await dialog.reply();
  if (!greeting.startsWith("220")) return greeting;
  for (const line of [EHLO, MAIL, RCPT]) {
    const reply = await dialog.say(line);
    if (!reply.startsWith("250")) return reply;
  }
  if (verb === "DATA") {
    const reply = await dialog.say("DATA");
    if (!reply.startsWith("354")) return reply;
  }
  dialog.send(verb === "DATA" ? `${BODY}.\r\n` : `BDAT ${BODY.length} LAST\r\n${BODY}`);
  return dialog.reply();
}

async function dialogIsSilentFor(dialog: Dialog, ms: number): Promise<boolean> {
  const silence = new Promise<true>((resolve) => void setTimeout(() => resolve(true), ms));
  const heard = new Promise<false>((resolve) => dialog.socket.once("data", () => resolve(false)));
  return await Promise.race([silence, heard]);
}
