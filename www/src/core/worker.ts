/** The worker's host: everything it can do is in functions.ts, answer.ts, attention.ts, corpus.ts, evaluation.ts, repair.ts and trainer.ts. */
import { expose } from "comlink";
import * as answer from "./answer";
import * as attention from "./attention";
import * as evaluation from "./evaluation";
import * as functions from "./functions";
import * as corpus from "./corpus";
import * as repair from "./repair";
import * as training from "./trainer";

expose({ ...functions, ...answer, ...attention, ...corpus, ...evaluation, ...repair, ...training });
