/**
 * Every sentence of the page, in English and Chinese. `{name}` is replaced by a value. What the core says (notes,
 * details of a stage, messages of errors) stays English and is marked so.
 */
import { read, write } from "./storage";

export type Language = "en" | "zh";

const CATALOGUE = {
  "lab.glitch": ["Glitch tokens", "故障词元"],

  "bar.labs": ["Labs", "实验室"],
  "bar.model": ["{parameters} parameters, {types}, {device}", "{parameters} 参数，{types}，{device}"],
  "bar.change": ["Change", "更换"],
  "bar.theme": ["Theme: {theme}", "主题：{theme}"],
  "theme.system": ["System", "系统"],
  "theme.light": ["Light", "浅色"],
  "theme.dark": ["Dark", "深色"],
  "yes": ["on", "开"],
  "no": ["off", "关"],
  "copied": ["Copied", "已复制"],

  "glitch.question": ["Which tokens can this model not repeat?", "这个模型无法复述哪些词元？"],
  "glitch.definition": [
    "A glitch token is an entry of the vocabulary that the model itself cannot handle: asked to repeat it, it says something else.",
    "故障词元（glitch token）是模型词表中连模型自己都处理不了的条目：让它复述，它却说出别的内容。",
  ],
  "glitch.run": ["Find glitch tokens", "查找故障词元"],

  "method.label": ["Method", "方法"],
  "method.glitchhunter": ["GlitchHunter", "GlitchHunter"],
  "method.glitchhunter.about": ["Search clusters of similar tokens, ask about samples", "在相似词元的聚类中抽样提问"],
  "method.exhaustive": ["Exhaustive", "穷举"],
  "method.exhaustive.about": ["Ask about every token", "对每个词元提问"],
  "method.both": ["Compare both", "比较两者"],
  "method.both.about": ["Ask about every token, then search, and compare what was found", "先对每个词元提问，再搜索，并比较结果"],

  "plan.loading": ["The model is being loaded.", "正在加载模型。"],
  "plan.nothing": ["No model is loaded.", "尚未加载模型。"],
  "plan.no_oracle": [
    "This model's vocabulary cannot spell the question, so it cannot be asked; the notes below say why.",
    "该模型的词表无法拼写出提问，因此无法测试；原因见下方说明。",
  ],
  "plan.no_tokenizer": [
    "This model came without tokenizer.json, so there is no text to ask about. Load the whole folder.",
    "该模型缺少 tokenizer.json，无法提问。请加载整个文件夹。",
  ],
  "plan.glitchhunter": [
    "GlitchHunter groups tokens by their embeddings, asks about a sample of each cluster, and follows the clusters that fail.",
    "GlitchHunter 按嵌入向量把词元聚类，对每个聚类抽样提问，并继续追查出现失败的聚类。",
  ],
  "plan.exhaustive": ["Every token that text can produce is asked about once.", "对文本能够产生的每个词元提问一次。"],
  "plan.both": [
    "First every token is asked about, then GlitchHunter searches, and what it found is compared with the truth.",
    "先对每个词元提问，再由 GlitchHunter 搜索，并与真实结果比较。",
  ],
  "plan.time": ["{n} tokens can be asked about, in about {time} here.", "可提问的词元共 {n} 个，在此设备上约需 {time}。"],
  "plan.time_most": ["{n} tokens can be asked about, in at most about {time} here.", "可提问的词元共 {n} 个，在此设备上最多约需 {time}。"],
  "plan.unmeasured": ["{n} tokens can be asked about; the time it takes here is known once it runs.", "可提问的词元共 {n} 个；运行后即可知道需要多久。"],

  "progress.cancel": ["Cancel", "取消"],
  "progress.cancelling": ["Stopping", "正在停止"],
  "progress.rate": ["{rate} tokens/s", "{rate} 词元/秒"],
  "progress.left": ["{time} left", "剩余 {time}"],
  "progress.part": ["{part} of {parts}:", "第 {part}/{parts} 步："],
  "stage.starting": ["Starting", "正在启动"],
  "stage.opening": ["Reading the files", "读取文件"],
  "stage.loading_weights": ["Loading weights", "加载权重"],
  "stage.controls": ["Asking about ordinary words", "用普通词测试"],
  "stage.components": ["Principal components", "主成分"],
  "stage.neighbours": ["Nearest neighbours", "最近邻"],
  "stage.weights": ["Edge weights", "边权重"],
  "stage.communities": ["Communities (Leiden)", "社区划分（Leiden）"],
  "stage.layout": ["Drawing the map", "绘制地图"],
  "stage.probing": ["Asking the model", "向模型提问"],
  "stage.counting_tokens": ["Counting tokens", "统计词元"],
  "stage.verifying": ["Verifying what is left", "核实剩余词元"],

  "device.auto": ["Automatic", "自动"],
  "device.cpu": ["CPU", "CPU"],
  "device.gpu": ["GPU", "GPU"],
  "device.line.gpu": ["Runs on the GPU: {name}. Why: {reason}.", "在 GPU 上运行：{name}。原因：{reason}。"],
  "device.line.cpu": ["Runs on the CPU: {name}; a GPU would be faster. Why: {reason}.", "在 CPU 上运行：{name}；使用 GPU 会更快。原因：{reason}。"],
  "device.rate": ["Last measured here: {rate} tokens/s.", "上次在此测得：{rate} 词元/秒。"],
  "device.webgpu": ["This browser offers WebGPU.", "此浏览器支持 WebGPU。"],
  "device.no_webgpu": ["This browser offers no WebGPU, so models run on the CPU.", "此浏览器不支持 WebGPU，模型将在 CPU 上运行。"],

  "settings.title": ["Settings", "设置"],
  "settings.changed": ["{n} changed", "已改 {n} 项"],
  "settings.default": ["Default {value}, {source}", "默认 {value}，{source}"],
  "settings.reset": ["Back to the defaults", "恢复默认"],
  "source.paper": ["paper", "论文"],
  "source.reference": ["reference code", "参考代码"],
  "source.ours": ["chosen here", "本项目选定"],
  "option.resolution": ["Leiden resolution", "Leiden 分辨率"],
  "option.resolution.about": ["Higher makes more and smaller clusters.", "越大，聚类越多、越小。"],
  "resolution.paper": ["paper: {value}", "论文：{value}"],
  "resolution.scaled": ["scaled: {value} = 75·{n}/32,000", "按词表缩放：{value} = 75·{n}/32,000"],
  "option.n_neighbors": ["Neighbours of a token", "每个词元的邻居数"],
  "option.n_neighbors.about": ["The token itself counts as one.", "含词元自身。"],
  "option.keep_ratio": ["Keep a cluster above", "聚类保留阈值"],
  "option.keep_ratio.about": ["Share of its sample that has to fail, exceeded strictly.", "样本中失败比例须严格大于此值。"],
  "option.n_components": ["Principal components", "主成分数"],
  "option.n_components.about": ["The embedding is reduced to so many dimensions first.", "嵌入先降到此维数。"],
  "option.sample_min": ["Sample at least", "最小样本"],
  "option.sample_min.about": ["Tokens asked about in a cluster, or the whole cluster.", "每个聚类至少提问的词元数，或整个聚类。"],
  "option.sample_fraction": ["Sample share", "抽样比例"],
  "option.sample_fraction.about": ["Share of a cluster's tokens that is asked about.", "聚类中被提问的词元比例。"],
  "option.sample_max": ["Sample at most", "最大样本"],
  "option.sample_max.about": ["Bound of the share.", "该比例的上限。"],
  "option.seed": ["Seed", "随机种子"],
  "option.seed.about": ["Draws the samples; the same seed gives the same scan.", "决定抽样；相同种子得到相同结果。"],
  "option.max_rounds": ["Rounds at most", "最多轮数"],
  "option.max_rounds.about": ["The search ends after so many.", "达到后搜索结束。"],
  "option.stop_below": ["Stop below", "停止阈值"],
  "option.stop_below.about": ["Ends when fewer tokens are left.", "剩余词元更少时结束。"],
  "option.leiden_iterations": ["Leiden passes at most", "Leiden 最多迭代"],
  "option.leiden_iterations.about": ["Ends earlier when nothing improves.", "无改进时提前结束。"],
  "option.batch_size": ["Batch size", "批大小"],
  "option.batch_size.about": ["Prompts at once; 0 lets the device decide.", "同时处理的提示数；0 由设备决定。"],
  "option.n_controls": ["Control words", "对照词数"],
  "option.n_controls.about": ["Ordinary words asked about first, to see that the model can do the task.", "先用普通词确认模型能完成任务。"],
  "option.controls_pass_ratio": ["Controls to pass", "对照通过率"],
  "option.controls_pass_ratio.about": ["Share a testable model has to repeat.", "可测试的模型须复述的比例。"],
  "option.verify_final": ["Verify survivors", "核实幸存词元"],
  "option.verify_final.about": ["Ask about every token that is left at the end.", "最后对所有剩余词元提问。"],
  "option.with_graph": ["Map in an exhaustive scan", "穷举时也绘制地图"],
  "option.with_graph.about": ["A search always has one.", "搜索总会绘制。"],

  "token.label": ["{text}, token {id}", "{text}，词元 {id}"],
  "token.empty": ["empty", "空"],
  "token.more": ["{n} more", "再显示 {n} 个"],
  "token.less": ["shorter", "收起"],

  "verdict.glitch": ["glitch", "故障"],
  "verdict.ok": ["ok", "正常"],
  "verdict.unasked": ["not asked", "未提问"],
  "verdict.skipped": ["skipped", "跳过"],
  "verdict.glitch.sentence": ["The model cannot repeat it.", "模型无法复述。"],
  "verdict.ok.sentence": ["The model repeats it.", "模型能够复述。"],
  "verdict.unasked.sentence": ["Not asked about.", "未提问。"],
  "verdict.skipped.sentence": ["Not asked about: text cannot produce it.", "未提问：文本无法产生它。"],

  "class.ok": ["ordinary", "普通"],
  "class.special": ["special", "特殊"],
  "class.byte": ["byte", "字节"],
  "class.partial_utf8": ["partial character", "字符片段"],
  "class.unreachable": ["unreachable", "不可达"],
  "class.unused": ["unused", "未使用"],
  "class.ok.why": ["its text encodes to it and nothing else", "其文本恰好编码为它自己"],
  "class.special.why": ["a sign of the format, not of the text", "属于格式标记，不是文本"],
  "class.byte.why": ["one byte that is no character of its own", "单个字节，本身不是字符"],
  "class.partial_utf8.why": ["a piece of a character", "一个字符的一部分"],
  "class.unreachable.why": ["its text encodes to other tokens", "其文本会编码为其他词元"],
  "class.unused.why": ["a row of the embedding without a tokenizer entry", "嵌入中没有对应词表条目的行"],

  "map.role": ["map", "地图"],
  "map.label": ["Map of {n} tokens", "{n} 个词元的地图"],
  "map.keys": [
    "Arrow keys step to the nearest token in that direction, Enter opens it, Escape leaves it, plus and minus zoom, 0 shows everything.",
    "方向键移到该方向最近的词元，Enter 打开，Escape 离开，加减号缩放，0 显示全部。",
  ],
  "map.in": ["Zoom in", "放大"],
  "map.out": ["Zoom out", "缩小"],
  "map.all": ["Whole map", "全图"],
  "map.legend": ["Legend and filter", "图例与筛选"],
  "map.colour": ["Colour", "颜色"],
  "map.by_cluster": ["Clusters", "按聚类"],
  "map.by_verdict": ["Verdicts", "按结果"],
  "map.cluster": ["cluster {n}", "聚类 {n}"],
  "map.spoken": ["{text}, token {id}, {verdict}, cluster {cluster}", "{text}，词元 {id}，{verdict}，聚类 {cluster}"],
  "map.caption": [
    "Token Embedding Graph, {clusters} clusters; the twelve colours repeat. Distances on the map are approximate; the neighbours listed for a token are exact.",
    "词元嵌入图，{clusters} 个聚类；十二种颜色循环使用。地图上的距离是近似的；词元详情中列出的邻居是精确的。",
  ],
  "map.unplaced": ["In the order of their ids. A scan puts similar tokens side by side.", "按编号排列。扫描后相似的词元会靠在一起。"],
  "map.loading": ["The tokens appear here when the model is loaded.", "模型加载后，词元显示在这里。"],
  "map.nothing": ["There is nothing to show: no model is loaded.", "没有可显示的内容：尚未加载模型。"],

  "answer.title": ["Answer", "结果"],
  "answer.which": ["Shown scan", "显示的扫描"],
  "answer.none": ["Nothing has been asked yet.", "尚未提问。"],
  "answer.running": ["The answer comes when the scan ends; what is found until then is in the table.", "扫描结束后给出结果；已找到的内容在表格中。"],
  "answer.search": [
    "The search found {found} tokens that this model cannot repeat, asking about {asked} of the {askable} that text can produce ({share}).",
    "搜索找到 {found} 个模型无法复述的词元，提问了文本可产生的 {askable} 个词元中的 {asked} 个（{share}）。",
  ],
  "answer.exhaustive": [
    "{found} of {n} tokens cannot be repeated; all {asked} that text can produce were asked about.",
    "{n} 个词元中有 {found} 个无法复述；文本可产生的 {asked} 个都已提问。",
  ],
  "answer.compared": [
    "{truth} of {n} tokens cannot be repeated; the search found {found} of them with {share} of the questions.",
    "{n} 个词元中有 {truth} 个无法复述；搜索用 {share} 的提问找到其中 {found} 个。",
  ],
  "answer.cancelled": ["Cancelled. Until then {found} of the {asked} tokens asked about could not be repeated.", "已取消。此前提问的 {asked} 个词元中有 {found} 个无法复述。"],
  "answer.failed": ["Ended by an error. Until then {found} of the {asked} tokens asked about could not be repeated.", "因错误终止。此前提问的 {asked} 个词元中有 {found} 个无法复述。"],
  "answer.not_testable": [
    "This model cannot be tested in this way: it repeated {passed} of {asked} ordinary words, so its failures say nothing about single tokens.",
    "无法用这种方式测试该模型：{asked} 个普通词中它只复述了 {passed} 个，因此失败并不说明个别词元有问题。",
  ],
  "answer.oracle": ["Oracle: {oracle}.", "判定方法：{oracle}。"],
  "answer.where": ["{model} on the {device}.", "{model}，{device}。"],
  "answer.took": ["It took {time}.", "用时 {time}。"],
  "answer.controls": ["Controls: {passed} of {asked} ordinary words were repeated.", "对照：{asked} 个普通词中复述了 {passed} 个。"],
  "answer.notes": ["Notes ({n})", "说明（{n}）"],
  "compare.precision": ["Precision", "精确率"],
  "compare.precision.about": ["{tp} of {n} found tokens fail in the exhaustive scan", "找到的 {n} 个词元中 {tp} 个在穷举扫描中失败"],
  "compare.recall": ["Recall", "召回率"],
  "compare.recall.about": ["{tp} of {n} failing tokens were found, {missed} missed", "{n} 个失败词元中找到 {tp} 个，漏掉 {missed} 个"],
  "compare.share": ["Share of questions", "提问占比"],
  "compare.share.about": ["{n} questions against {all}", "{n} 次提问，对比 {all} 次"],
  "rounds.title": ["Rounds ({n}), {queries} questions", "轮次（{n}），共 {queries} 次提问"],
  "rounds.label": ["Rounds of the search", "搜索轮次"],
  "rounds.round": ["round", "轮"],
  "rounds.tokens": ["tokens", "词元"],
  "rounds.clusters": ["clusters", "聚类"],
  "rounds.queries": ["questions", "提问"],
  "rounds.hits": ["failed", "失败"],
  "rounds.kept": ["kept", "保留"],
  "rounds.quality": ["modularity", "模块度"],
  "rounds.verified": ["{n} questions were for verification at the end.", "其中 {n} 次为最后的核实。"],
  "skipped.title": ["Not asked about ({n})", "未提问（{n}）"],

  "evidence.title": ["Evidence", "证据"],
  "scope.label": ["Rows", "行"],
  "scope.findings": ["Findings", "发现"],
  "scope.asked": ["Asked", "已提问"],
  "scope.all": ["All", "全部"],
  "filter.label": ["Filter", "筛选"],
  "filter.placeholder": ["text, /regex/, p:<0.01, class:ok", "文本、/正则/、p:<0.01、class:ok"],
  "filter.help": [
    "Words, /regular expressions/ and field:value, all of which have to hold. Fields: id, class, verdict, cluster, p, entropy, answer, text, search, strict. Numbers: 5 or 1,2,7 or <0.1 or 10..20.",
    "文本、/正则表达式/ 与 field:value，须同时满足。字段：id、class、verdict、cluster、p、entropy、answer、text、search、strict。数字：5、1,2,7、<0.1、10..20。",
  ],
  "filter.count": ["{n} of {of} tokens", "{of} 个词元中的 {n} 个"],
  "filter.regex": ["{piece} is not a regular expression; it is left out.", "{piece} 不是有效的正则表达式，已忽略。"],
  "filter.field": ["{piece}: there is no such field; it is left out. Fields: id, class, verdict, cluster, p, entropy, answer, text, search, strict.", "{piece}：没有这个字段，已忽略。可用字段：id、class、verdict、cluster、p、entropy、answer、text、search、strict。"],
  "filter.number": ["{piece}: a number is needed, like 5, <0.1 or 10..20; it is left out.", "{piece}：需要数字，如 5、<0.1 或 10..20；已忽略。"],
  "table.body": ["Table of {n} tokens; arrow keys step, Enter opens", "{n} 个词元的表格；方向键移动，Enter 打开"],
  "table.no_match": ["No token matches the filter.", "没有词元符合筛选条件。"],
  "table.running": ["No token has failed so far.", "目前没有词元失败。"],
  "table.none": ["No token that was asked about failed.", "已提问的词元都没有失败。"],
  "table.unasked": ["Nothing has been asked yet. Choose All to see the vocabulary.", "尚未提问。选择“全部”可查看词表。"],
  "column.id": ["id", "编号"],
  "column.id.title": ["Token id", "词元编号"],
  "column.token": ["token", "词元"],
  "column.token.title": ["The token's text", "词元文本"],
  "column.verdict": ["verdict", "结果"],
  "column.verdict.title": ["Whether the model repeated it", "模型是否复述"],
  "column.p": ["p(target)", "p(目标)"],
  "column.p.title": ["Probability of the token itself as the first token of the answer", "回答首词元恰为该词元的概率"],
  "column.entropy": ["entropy", "熵"],
  "column.entropy.title": ["Entropy of the first token of the answer, in nats", "回答首词元分布的熵（纳特）"],
  "column.answer": ["answer", "回答"],
  "column.answer.title": ["What the model answered, up to where the verdict was certain", "模型的回答（到结果确定为止）"],
  "column.cluster": ["cluster", "聚类"],
  "column.cluster.title": ["Leiden community", "Leiden 社区"],
  "column.class": ["class", "类别"],
  "column.class.title": ["Kind of vocabulary entry", "词表条目的类别"],

  "detail.label": ["Picked token", "选中的词元"],
  "detail.empty": ["Pick a token on the map or in the table to see what was asked, what came back and what is nearest to it.", "在地图或表格中选择一个词元，查看问题、回答和最近的邻居。"],
  "detail.copy": ["Copy text", "复制文本"],
  "detail.bytes": ["bytes", "字节"],
  "detail.cluster": ["{n}: show all of it", "{n}：显示全部"],
  "detail.strict": ["strict rule", "严格规则"],
  "detail.strict.yes": ["the answer is exactly the token", "回答恰为该词元"],
  "detail.strict.no": ["the answer is not exactly the token", "回答不恰为该词元"],
  "detail.prompt": ["Prompt, as the model saw it", "模型看到的提示"],
  "detail.answer": ["Answer of the model", "模型的回答"],
  "detail.silent": ["It ended the answer at once.", "它立即结束了回答。"],
  "detail.asking": ["Up to where the verdict was certain; the whole answer is being fetched.", "到结果确定为止；正在获取完整回答。"],
  "detail.partial": ["Up to where the verdict was certain. With the model loaded and idle, the whole answer is shown.", "到结果确定为止。模型加载且空闲时显示完整回答。"],
  "detail.top": ["Most probable first tokens", "最可能的首词元"],
  "detail.top.label": ["probability {p}", "概率 {p}"],
  "detail.neighbours": ["Nearest neighbours", "最近邻"],
  "detail.neighbours.note": ["Exact, by Euclidean distance between the embeddings' principal components.", "精确结果，按嵌入主成分间的欧氏距离。"],

  "export.json": ["Save report (JSON)", "保存报告（JSON）"],
  "export.csv": ["Save table (CSV)", "保存表格（CSV）"],
  "export.map": ["Save map (PNG)", "保存地图（PNG）"],
  "export.open": ["Open a report or a model", "打开报告或模型"],
  "report.open": ["Shown from the file {name}; no model is needed for it.", "来自文件 {name}；无需模型。"],
  "report.close": ["Back to the loaded model", "返回已加载的模型"],

  "granularity.heading": ["Granularity", "粒度"],
  "granularity.about": [
    "The Leiden resolution sets how small the clusters are, and with that what a search costs and finds. The paper uses {paper} on vocabularies of mostly 32,000; scaled to the {n} tokens here that is {scaled}. The search is repeated with stored answers, so the model is not asked again.",
    "Leiden 分辨率决定聚类大小，从而决定搜索的代价与收获。论文在约 32,000 的词表上使用 {paper}；按此处 {n} 个词元缩放为 {scaled}。搜索使用已存的回答重复进行，不再询问模型。",
  ],
  "granularity.run": ["Compare resolutions", "比较分辨率"],
  "granularity.run_all": ["Ask about every token, then compare resolutions", "先对所有词元提问，再比较分辨率"],
  "granularity.title": ["Share of the glitch tokens found and of the questions asked; resolution on a log axis", "找到的故障词元占比与提问占比；分辨率为对数轴"],
  "granularity.axis": ["Leiden resolution", "Leiden 分辨率"],
  "granularity.recall": ["recall", "召回率"],
  "granularity.share": ["share of questions", "提问占比"],
  "granularity.paper": ["paper: {value}", "论文：{value}"],
  "granularity.scaled": ["scaled: {value}", "缩放：{value}"],
  "granularity.finding": ["At resolution {resolution} the search finds {recall} of the glitch tokens with {share} of the questions.", "分辨率为 {resolution} 时，搜索用 {share} 的提问找到 {recall} 的故障词元。"],
  "granularity.table": ["As a table", "以表格显示"],
  "granularity.column.resolution": ["resolution", "分辨率"],
  "granularity.column.clusters": ["clusters", "聚类"],
  "granularity.column.mean": ["mean size", "平均大小"],
  "granularity.column.queries": ["questions", "提问"],
  "granularity.column.share": ["share", "占比"],
  "granularity.column.recall": ["recall", "召回率"],
  "granularity.column.rounds": ["rounds", "轮数"],

  "prevalence.heading": ["In your own texts", "在你自己的文本中"],
  "prevalence.about": [
    "How often do the glitch tokens of the report above occur in a collection of texts? Choose files, or drop them on the page: .txt, .json, .jsonl, .csv or .tsv, of any length; the layouts of Alpaca and ShareGPT are known. They are read here, piece by piece, and nothing leaves this page.",
    "上方报告中的故障词元在一批文本里出现得有多频繁？选择文件或拖到页面上：.txt、.json、.jsonl、.csv 或 .tsv，长度不限；可识别 Alpaca 与 ShareGPT 的格式。文件在此处分段读取，不会离开本页面。",
  ],
  "prevalence.pick": ["Choose texts", "选择文本"],
  "prevalence.lines": ["every line of a text file is a document", "文本文件的每一行作为一个文档"],
  "prevalence.run": ["Count {n} glitch tokens in them", "统计其中的 {n} 个故障词元"],
  "prevalence.more_files": ["and {n} more", "以及另外 {n} 个"],
  "prevalence.no_model": ["No model is loaded: its tokenizer is needed.", "尚未加载模型：需要它的分词器。"],
  "prevalence.no_report": ["There is no report yet: find glitch tokens first, or open a saved report of this model.", "还没有报告：请先查找故障词元，或打开该模型已保存的报告。"],
  "prevalence.none_found": ["The report names no glitch token, so there is nothing to count.", "报告中没有故障词元，无从统计。"],
  "prevalence.answer": ["{hits} of {tokens} tokens are glitch tokens ({share}); {hit} of {documents} documents have one.", "{tokens} 个词元中有 {hits} 个故障词元（{share}）；{documents} 个文档中有 {hit} 个含有。"],
  "prevalence.cancelled": ["Cancelled. Until then {hits} of {tokens} tokens were glitch tokens ({share}); {hit} of {documents} documents had one.", "已取消。此前 {tokens} 个词元中有 {hits} 个故障词元（{share}）；{documents} 个文档中有 {hit} 个含有。"],
  "prevalence.source": ["Looked for: the {n} glitch tokens of {model} by {oracle}; {found} of them occur. Every text is encoded by itself, without special tokens.", "查找对象：{model} 按 {oracle} 判定的 {n} 个故障词元，其中 {found} 个出现。每段文本单独编码，不加特殊词元。"],
  "prevalence.files": ["Files", "文件"],
  "prevalence.broken": ["{n} records could not be read and are not counted", "{n} 条记录无法读取，未计入"],
  "prevalence.tokens": ["Most frequent", "最常出现"],
  "prevalence.more_tokens": ["and {n} more, in the saved tables", "另有 {n} 个，见保存的表格"],
  "prevalence.densest": ["Documents, the densest first", "文档（密度从高到低）"],
  "prevalence.where": ["{n} (line {line})", "{n}（第 {line} 行）"],
  "prevalence.show_more": ["Show {n} more of {all}", "再显示 {n} 个（共 {all} 个）"],
  "prevalence.column.file": ["file", "文件"],
  "prevalence.column.documents": ["documents", "文档"],
  "prevalence.column.tokens": ["tokens", "词元"],
  "prevalence.column.glitch": ["glitch tokens", "故障词元"],
  "prevalence.column.share": ["share", "占比"],
  "prevalence.column.token": ["token", "词元"],
  "prevalence.column.times": ["times", "次数"],
  "prevalence.column.document": ["document", "文档"],
  "prevalence.column.context": ["in context", "上下文"],
  "prevalence.save.json": ["Save counts (JSON)", "保存统计（JSON）"],
  "prevalence.save.documents": ["Save documents (CSV)", "保存文档（CSV）"],
  "prevalence.save.tokens": ["Save tokens (CSV)", "保存词元（CSV）"],

  "how.title": ["How to read this", "如何解读"],
  "how.oracle": [
    "The question is “can you repeat the string …”, with the token put into the prompt by its id, so that it cannot be split. Decoding is greedy. A token passes when its text occurs in the answer, letter case aside; the strict rule also wants nothing else in the answer.",
    "问题是“请复述字符串……”，词元按编号直接放入提示，因此不会被拆分。解码为贪心。若回答中出现该词元文本（不计大小写）即通过；严格规则还要求回答中没有别的内容。",
  ],
  "how.search": [
    "GlitchHunter draws a graph in which each token is linked to its nearest neighbours by embedding, splits it into communities, asks about a sample of each, keeps the communities where at least one token failed, and starts again with what is left. It misses a token when no failing token of its community was drawn.",
    "GlitchHunter 按嵌入把每个词元与其最近邻相连成图，划分社区，对每个社区抽样提问，保留出现失败的社区，再对剩余部分重复。若某社区没有抽到失败的词元，其中的故障词元就会被漏掉。",
  ],
  "how.limits": [
    "A failure says that this model fails this question for this token, not why. Small models fail more questions than large ones, which is why ordinary words are asked about first. Tokens that no text can produce are skipped and are not called glitches.",
    "失败只说明该模型在该问题上处理不了该词元，不说明原因。小模型失败更多，因此先用普通词作对照。文本无法产生的词元会跳过，不算故障。",
  ],
  "how.source": ["Source: Li et al., “Glitch Tokens in Large Language Models: Categorization Taxonomy and Effective Detection”, FSE 2024,", "出处：Li 等，《Glitch Tokens in Large Language Models: Categorization Taxonomy and Effective Detection》，FSE 2024，"],

  "dialog.title": ["Models and reports", "模型与报告"],
  "dialog.close": ["Close", "关闭"],
  "dialog.load": ["Load this model", "加载此模型"],
  "dialog.specimen": ["Specimen", "样本模型"],
  "dialog.specimen.load": ["Load the built-in model", "加载内置模型"],
  "dialog.files": ["From this computer", "从本机"],
  "dialog.files.pick": ["Choose files", "选择文件"],
  "dialog.folder.pick": ["Choose a folder", "选择文件夹"],
  "dialog.files.what": ["A .gguf file, or config.json, model.safetensors and tokenizer.json, or the folder that holds them. Files can also be dropped anywhere on the page. Nothing is uploaded.", "一个 .gguf 文件，或 config.json、model.safetensors 与 tokenizer.json，或包含它们的文件夹。也可以把文件拖到页面任意处。不会上传任何内容。"],
  "dialog.address": ["From an address", "从网址"],
  "dialog.address.load": ["Load", "加载"],
  "dialog.address.what": [
    "A model on Hugging Face as owner/name or owner/name@revision, or the address of a folder with these files.",
    "Hugging Face 模型（所有者/名称，或 所有者/名称@版本），或包含这些文件的文件夹网址。",
  ],
  "dialog.address.refused": ["That is neither owner/name nor an address that begins with http.", "这既不是“所有者/名称”，也不是以 http 开头的网址。"],
  "dialog.hub": ["Another hub, or an access token", "其他模型站点或访问令牌"],
  "dialog.hub.host": ["Address of the hub", "模型站点网址"],
  "dialog.hub.token": ["Access token", "访问令牌"],
  "dialog.hub.what": [
    "The token is sent to this hub only and forgotten when the page is closed. It is never part of a link or a report.",
    "令牌只发送给该站点，关闭页面即忘记，不会写入链接或报告。",
  ],
  "dialog.hub.refused": ["The hub's address has to begin with http.", "模型站点网址须以 http 开头。"],
  "cache.title": ["Kept on this device", "保存在本设备上"],
  "cache.asking": ["Looking.", "正在查看。"],
  "cache.none": ["This browser lets the page keep no files, so models from elsewhere are fetched on every visit.", "此浏览器不允许页面保存文件，因此每次访问都会重新下载模型。"],
  "cache.empty": ["Nothing yet. Models from an address are kept here, so that the next visit needs no download.", "暂无。来自网址的模型会保存在这里，下次访问无需再下载。"],
  "cache.total": ["{bytes} in all.", "共 {bytes}。"],
  "cache.quota": ["The browser allows up to {quota}.", "浏览器最多允许 {quota}。"],
  "cache.part": ["{bytes} of {size}", "{bytes} / {size}"],
  "cache.forget": ["Delete", "删除"],
  "cache.forget.one": ["Delete {model} from this device", "从本设备删除 {model}"],
  "cache.forget.all": ["Delete all", "全部删除"],
  "dialog.device": ["Device", "设备"],
  "dialog.weights": ["Weights", "权重"],
  "weights.stored": ["As stored", "按原样"],
  "weights.int8": ["8 bits", "8 位"],
  "weights.int4": ["4 bits", "4 位"],
  "dialog.weights.what": [
    "Rounding makes a model fit that would not, and changes its answers: the report says so.",
    "取整可以让原本放不下的模型放得下，但会改变它的回答，报告中会注明。",
  ],
  "dialog.report": ["A saved report", "已保存的报告"],
  "dialog.report.pick": ["Open a report", "打开报告"],
  "dialog.report.what": ["A JSON file saved here or by the command line. It is shown without its model.", "在此处或命令行保存的 JSON 文件，无需模型即可查看。"],
  "drop.here": ["Drop a model's folder, its files, a saved report, or texts", "拖入模型文件夹、文件、已保存的报告或文本"],
  "found.model": ["Recognised a model: {name}", "识别为模型：{name}"],
  "found.unknown": ["These files are neither a model nor a report", "这些文件既不是模型也不是报告"],
  "found.unknown.hint": ["A model is a .gguf file, or config.json, model.safetensors and tokenizer.json; drop the whole folder. A report is a JSON file saved by Glitchscope.", "模型是一个 .gguf 文件，或 config.json、model.safetensors 与 tokenizer.json；请拖入整个文件夹。报告是 Glitchscope 保存的 JSON 文件。"],
  "found.missing": ["Missing: {files}. Drop the whole folder.", "缺少：{files}。请拖入整个文件夹。"],
  "found.no_tokenizer": ["Missing: {files}. Without it the model can be loaded, but no token can be asked about.", "缺少：{files}。没有它可以加载模型，但无法提问。"],
  "found.busy": ["Something is running. Cancel it or wait, then load.", "有任务正在运行。请取消或等待后再加载。"],

  "failure.load": ["The model could not be loaded", "无法加载模型"],
  "failure.scan": ["The scan ended early", "扫描提前结束"],
  "failure.granularity": ["The resolutions could not be compared", "无法比较分辨率"],
  "failure.prevalence": ["The texts could not be counted", "无法统计文本"],
  "failure.report": ["The report could not be opened", "无法打开报告"],
  "failure.export": ["The table could not be saved", "无法保存表格"],
  "failure.kept": ["Kept: {n} verdicts.", "已保留 {n} 条结果。"],
  "failure.change": ["Choose something else", "选择其他内容"],
  "failure.again": ["Try again", "重试"],
  "failure.cpu": ["Use the CPU", "使用 CPU"],
  "failure.copy": ["Copy details", "复制详情"],
  "failure.dismiss": ["Close", "关闭"],
  "unable.simd": [
    "This browser cannot run Glitchscope: it needs WebAssembly with SIMD and workers. Chrome or Edge 91, Firefox 89, Safari 16.4 and anything newer have both.",
    "此浏览器无法运行 Glitchscope：需要支持 SIMD 的 WebAssembly 与 worker。Chrome/Edge 91、Firefox 89、Safari 16.4 及更新版本均可。",
  ],
  "footer": ["Everything runs in this tab: no weight and no token leaves it.", "一切都在本标签页内运行：权重与词元都不会离开。"],
} as const satisfies Record<string, readonly [string, string]>;

export type Key = keyof typeof CATALOGUE;

const INDEX: Record<Language, 0 | 1> = { en: 0, zh: 1 };
const listeners = new Set<() => void>();
let current: Language = initial();

function initial(): Language {
  const stored = read("language");
  if (stored === "en" || stored === "zh") return stored;
  return typeof navigator !== "undefined" && /^zh\b/i.test(navigator.language) ? "zh" : "en";
}

export function language(): Language {
  return current;
}

export function chooseLanguage(next: Language): void {
  current = next;
  write("language", next);
  announce();
}

export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function has(key: string): key is Key {
  return key in CATALOGUE;
}

/** A sentence in the language of the page, its places filled. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const sentence: string = CATALOGUE[key][INDEX[current]];
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => (name in values ? String(values[name]) : place));
}

/** For the test that no place is lost in translation. */
export const SENTENCES: Readonly<Record<string, readonly [string, string]>> = CATALOGUE;

function announce(): void {
  if (typeof document !== "undefined") {
    document.documentElement.lang = current;
    document.title = current === "zh" ? "Glitchscope：这个模型无法复述哪些词元？" : "Glitchscope: which tokens can this model not repeat?";
  }
  for (const listener of listeners) listener();
}
announce();
