/** The worker's host: everything it can do is in functions.ts, answer.ts, corpus.ts, evaluation.ts, repair.ts and trainer.ts. */
import { expose } from "comlink";
import * as answer from "./answer";
import * as evaluation from "./evaluation";
import * as functions from "./functions";
import * as corpus from "./corpus";
import * as repair from "./repair";
import * as training from "./trainer";

expose({ ...functions, ...answer, ...corpus, ...evaluation, ...repair, ...training });
