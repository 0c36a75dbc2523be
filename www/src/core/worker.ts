/** The worker's host: everything it can do is in functions.ts, evaluation.ts and trainer.ts. */
import { expose } from "comlink";
import * as evaluation from "./evaluation";
import * as functions from "./functions";
import * as training from "./trainer";

expose({ ...functions, ...evaluation, ...training });
