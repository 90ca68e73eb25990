import { test } from "vitest";
import { Postfix } from "../support/peers-postfix.ts";
import { freePort } from "../support/peers.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { eventually } from "../support/world.ts";
test("x", async () => {
  const port = await freePort("127.0.21.2");
  let t = performance.now();
  const p = await Postfix.start({ name: "mx.behind.test", listeners: [{ address: "127.0.21.2", port }],
   settings: { virtual_mailbox_domains: "behind.test", virtual_mailbox_maps: "regexp:$config_directory/boxes" }, files: { boxes: "/^nobody@/ \n/@behind\\.test$/ box/\n" } });
  console.log("start", performance.now() - t);
  t = performance.now();
  console.log(await submit({ host: "127.0.21.2", port, ca: null, serverName: "", starttls: false }, { mailFrom: "a@b.test", rcptTo: ["x@behind.test", "nobody@behind.test"], bytes: Buffer.from("Subject: x\r\n\r\nhello\r\n") }));
  try { const d = await eventually(async () => (p.deliveries.length > 0 ? p.deliveries : null)); console.log(d[0]?.bytes.toString()); } catch (e) { console.log(e); }
  console.log("del", performance.now() - t);
  console.log(p.log);
  t = performance.now();
  await p.stop();
  console.log("stop", performance.now() - t);
}, 40000);
