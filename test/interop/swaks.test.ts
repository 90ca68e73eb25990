import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peers } from "../support/peers.ts";
import { RelayPath } from "../support/peers-path.ts";
import { swaks } from "../support/peers-swaks.ts";
import type { Swaks } from "../support/peers-swaks.ts";
import { eventually } from "../support/world.ts";

const swaksAndPostfix = peers("swaks", "postfix");

/** Where a swaks that must authenticate, and one that nobody knows, connect from. */
const AUTH_NETWORK = ["--local-interface", "127.0.0.8"];
const STRANGER = ["--local-interface", "127.0.0.77"];
const PASSWORD = "correct horse battery staple";
const LOGIN = ["--auth-user", "scanner", "--auth-password"];
const PHI = "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.";

describe.skipIf(swaksAndPostfix.areMissing)(
  `dialogs of swaks with Postern, before a Postfix${swaksAndPostfix.note}`,
  () => {
    let path: RelayPath;
    let secrets: string;
    beforeAll(async () => {
      secrets = mkdtempSync(join(tmpdir(), "postern-swaks-"));
      writeFileSync(join(secrets, "password"), PASSWORD, { mode: 0o600 });
      const users = [{ name: "scanner", password: `file:${join(secrets, "password")}` }];
      const submitters = [
        { name: "relay", networks: ["127.0.0.1/32"], proof: { own_network: true } },
        { name: "people", networks: ["127.0.0.8/32"], proof: { auth: { users } } },
      ];
      path = await RelayPath.start({ config: { submitters } });
    });
    afterAll(async () => {
      await path.close();
      rmSync(secrets, { recursive: true, force: true });
    });

    function dialog(...args: readonly string[]): Promise<Swaks> {
      return swaks(path.world.postern.address(), ["--from", "nurse@clinic.test", ...args]);
    }

    async function mailboxOf(address: string): Promise<string> {
      return (await path.arrived(address))[0].bytes.toString();
    }

    test("a message under verified TLS is delivered", async () => {
      const trust = ["--tls-verify", "--tls-ca-path", join(path.world.folder, "ca.pem")];
      const { exitCode, replies } = await dialog(
        "--to",
        "tls@verified.test",
        "--tls",
        ...trust,
        "--body",
        "See you at noon.",
      );
      expect(exitCode).toBe(0);
      expect(replies.at(-2)).toMatch(/^250 2\.0\.0 queued as [0-9A-Z]{26}$/);
      expect(await mailboxOf("tls@verified.test")).toContain("\n\nSee you at noon.\n");
    });

    test("a pipelined envelope with good, malformed and unknown recipients reaches the good ones", async () => {
      const to = "one@verified.test,@bad,no-domain@,two@verified.test,nobody@verified.test";
      const { exitCode, replies } = await dialog("--from", "pipe@clinic.test", "--to", to, "--tls", "--pipeline");
      expect(exitCode).toBe(0);
      expect(replies.slice(4, 11).map((reply) => reply.slice(0, 9))).toEqual([
        "250 2.1.0",
        "250 2.1.5",
        "501 5.1.3",
        "501 5.1.3",
        "250 2.1.5",
        "250 2.1.5",
        "354 End d",
      ]);
      await path.arrived("one@verified.test");
      await path.arrived("two@verified.test");
      expect(await mailboxOf("pipe@clinic.test")).toContain("Final-Recipient: rfc822; nobody@verified.test");
    });

    test("an attachment and a subject beyond ASCII go through", async () => {
      const parts = [
        "--h-Subject",
        "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=",
        "--attach-type",
        "image/gif",
        "--attach",
        "@/dev/null",
      ];
      const { exitCode } = await dialog("--to", "attach@verified.test", "--tls", ...parts);
      expect(exitCode).toBe(0);
      expect(await mailboxOf("attach@verified.test")).toContain("Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\n");
    });

    test.each(["PLAIN", "LOGIN"])("a password by AUTH %s is taken, and the trace says so", async (mechanism) => {
      const to = `auth-${mechanism}@verified.test`;
      const said = await dialog("--to", to, "--tls", ...AUTH_NETWORK, "--auth", mechanism, ...LOGIN, PASSWORD);
      expect(said.exitCode).toBe(0);
      expect(said.replies.some((line) => line.startsWith("235 2.7.0 "))).toBe(true);
      expect((await mailboxOf(to)).replaceAll(/\n[ \t]+/g, " ")).toContain("(Postern) with ESMTPSA id");
    });

    test.each([
      {
        name: "a wrong password is refused",
        args: ["--auth", "PLAIN", ...LOGIN, "wrong"],
        exitCode: 28,
        reply: "535 5.7.8",
      },
      {
        name: "a user nobody knows is refused alike",
        args: ["--auth", "LOGIN", "--auth-user", "x", "--auth-password", "x"],
        exitCode: 28,
        reply: "535 5.7.8",
      },
      { name: "without a password nothing is relayed", args: [], exitCode: 23, reply: "530 5.7.0" },
    ])("$name", async ({ args, exitCode, reply }) => {
      const said = await dialog("--to", "refused@verified.test", "--tls", ...AUTH_NETWORK, ...args);
      expect(said.exitCode).toBe(exitCode);
      expect(said.replies.some((line) => line.startsWith(`${reply} `))).toBe(true);
    });

    test.each([
      { name: "MAIL in the clear is refused", args: [], exitCode: 23, reply: "530 5.7.0 Say STARTTLS first" },
      {
        name: "MAIL after HELO in the clear is refused",
        args: ["--protocol", "SMTP"],
        exitCode: 23,
        reply: "530 5.7.0 Say STARTTLS first",
      },
      {
        name: "a stranger does not relay",
        args: ["--tls", ...STRANGER],
        exitCode: 23,
        reply: "550 5.7.1 Relaying denied",
      },
      { name: "a malformed sender is refused", args: ["--tls", "--from", "nurse@"], exitCode: 23, reply: "501 5.1.7" },
      { name: "LMTP is not spoken", args: ["--protocol", "LMTP"], exitCode: 22, reply: "500 5.5.1" },
    ])("$name", async ({ args, exitCode, reply }) => {
      const said = await dialog("--to", "refused@verified.test", ...args);
      expect(said.exitCode).toBe(exitCode);
      expect(said.replies.some((line) => line.startsWith(reply))).toBe(true);
    });

    test.each([
      {
        name: "no AUTH is offered in the clear",
        args: [...AUTH_NETWORK, "--auth", "PLAIN", ...LOGIN, PASSWORD],
        exitCode: 28,
      },
      {
        name: "no AUTH is offered where no password would do",
        args: ["--tls", "--auth", "PLAIN", ...LOGIN, PASSWORD],
        exitCode: 28,
      },
      { name: "XCLIENT is not offered", args: ["--tls", "--xclient-addr", "192.0.2.1"], exitCode: 33 },
      { name: "TLS from the first byte is not taken for a dialog", args: ["--tls-on-connect"], exitCode: 29 },
      { name: "TLS 1.1 is refused", args: ["--tls", "--tls-protocol", "tlsv1_1"], exitCode: 29 },
    ])("$name", async ({ args, exitCode }) => {
      const said = await dialog("--to", "refused@verified.test", ...args);
      expect(said.exitCode).toBe(exitCode);
      expect(said.transcript).not.toContain("queued as");
    });

    test("a client that hangs up in the middle of a message leaves nothing behind", async () => {
      await dialog("--to", "dropped@verified.test", "--tls", "--drop-after-send", "DATA");
      await dialog("--to", "after@verified.test", "--tls");
      await path.arrived("after@verified.test");
      expect(await path.world.postern.store.recipients({ address: "dropped@verified.test", limit: 1 })).toEqual([]);
    });

    test("PHI reaches the Postfix with a valid certificate, under TLS", async () => {
      await dialog("--to", "phi@verified.test", "--tls", "--body", PHI);
      const text = await mailboxOf("phi@verified.test");
      expect(text).toContain("219-09-9997");
      expect(text).toMatch(/by mx\.verified\.test \(Postfix\) with ESMTPS id/);
      const [recipient] = await path.world.postern.store.recipients({ address: "phi@verified.test", limit: 1 });
      expect(recipient?.plan?.floor).toMatchObject({ profile: "standard" });
    });

    test("PHI for the Postfix without TLS is held, and that Postfix hears no more than our name", async () => {
      await dialog("--from", "held@clinic.test", "--to", "phi@clear.test", "--tls", "--body", PHI);
      const recipient = await eventually(async () => {
        const [found] = await path.world.postern.store.recipients({ address: "phi@clear.test", limit: 1 });
        return found?.state === "held" ? found : null;
      });
      expect(recipient.lastCode).toBe("PST-DEC-001");
      expect(path.behind.deliveriesTo("phi@clear.test")).toHaveLength(0);
      await eventually(async () => (path.behind.log.includes(" ehlo=1 quit=1 commands=2") ? true : null));
      const notice = await mailboxOf("held@clinic.test");
      expect(notice).toContain("Your message is held");
      expect(notice).not.toContain("219-09-9997");
    });

    test("clean mail for the Postfix without TLS is delivered in the clear", async () => {
      await dialog("--to", "clean@clear.test", "--tls", "--body", "See you at noon.");
      expect(await mailboxOf("clean@clear.test")).toMatch(/by mx\.clear\.test \(Postfix\) with ESMTP id/);
    });
  },
);
