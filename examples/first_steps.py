import vulngames

game = vulngames.make("tampering-v1")
[task] = vulngames.take(game)
sample = vulngames.score_texts(game, task, ["<modify_key>score</modify_key><modify_value>1</modify_value>"])
print(sample.reward, sample.patched, sample.evidence)

samples = vulngames.rollout(game, vulngames.take(game, n=20), lambda messages: messages[-1]["content"])
print(vulngames.measure(samples, game.measures)["er"])

run = vulngames.train("tampering-v1", policy="tiny", steps=2, out="runs/first")
print(run.metrics()[-1]["er"])
