extension Scenario {
  /// Every scenario.
  public static let all: [Scenario] = [
    Scenario(
      name: "llm-pretrain", aliases: ["llm", "pretrain", "pretraining", "gpt", "language-model"],
      title: "Training a language model from scratch",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 3e-4, betas: [0.9, 0.95], weight_decay: 0.1",
          reason: "what nearly all large language models are trained with"),
        .init(
          rule: "adamw", settings: "lr: 3e-4, betas: [0.9, 0.95], weight_decay: 0.1, state: int8",
          reason: "the same steps with a quarter of the state"),
        .init(
          rule: "adafactor",
          settings:
            "lr: 3e-4, scale_parameter: false, relative_step: false, weight_decay: 0.1",
          reason: "averages over rows and columns in place of a second moment: hardly any state"),
      ],
      schedule: "{name: cosine, warmup: 40, floor_ratio: 0.1}", clip: "{norm: 1}",
      reasons: [
        "The customary stack is AdamW, a warmup over 0.5 to 3 % of the steps, a cosine to a tenth of the "
          + "rate, and a limit of 1 on the norm of the gradients.",
        "β₂ is 0.95 rather than 0.999, so that the second moment forgets a spike within tens of steps.",
        "The larger the model, the lower the rate: 6e-4 for 125 million parameters, 3e-4 for a billion, "
          + "1.2e-4 for 7 billion.",
      ],
      sources: [
        "Brown et al.: Language Models are Few-Shot Learners, 2020, arXiv:2005.14165 (table 2.1, "
          + "appendix B)",
        "Dettmers et al.: 8-bit Optimizers via Block-wise Quantization, 2022, arXiv:2110.02861",
        "Shazeer, Stern: Adafactor, 2018, arXiv:1804.04235",
      ],
      cautions: [
        "Sophia is often listed as saving memory. It does not: it keeps two averages, as AdamW does."
      ], stage: .text, example: "llm-pretrain"),
    Scenario(
      name: "llm-finetune", aliases: ["finetune", "fine-tune", "finetuning", "sft", "instruct"],
      title: "Fine-tuning all weights of a language model",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 2e-5, weight_decay: 0.01",
          reason: "the customary choice, at a tenth or less of the rate of the first training"),
        .init(
          rule: "adamw", settings: "lr: 2e-5, weight_decay: 0.01, state: int8",
          reason: "the same steps with a quarter of the state"),
        .init(
          rule: "adafactor",
          settings: "lr: 2e-5, scale_parameter: false, relative_step: false",
          reason: "hardly any state; what T5 was fine-tuned with"),
      ],
      schedule: "{name: cosine, warmup: 60, floor_ratio: 0.1}", clip: "{norm: 1}",
      reasons: [
        "The weights are good already: a low rate and a short warmup keep what they know.",
        "Where memory is short, train adapters (--task lora): their state is a hundredth of this.",
      ],
      sources: [
        "Touvron et al.: Llama 2, 2023, arXiv:2307.09288 (section 3.1: AdamW, 2e-5, cosine)",
        "Dettmers et al., 2022, arXiv:2110.02861",
      ],
      cautions: [
        "Hugging Face's Trainer falls linearly by default; a cosine is lr_scheduler_type=cosine there."
      ], stage: .text, example: "llm-finetune"),
    Scenario(
      name: "memory-poor", aliases: ["low-memory", "memory", "small-gpu", "llm-low-memory"],
      title: "A language model where memory is short",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 3e-4, betas: [0.9, 0.95], weight_decay: 0.1, state: int8",
          reason: "AdamW's steps with 2 bytes of state for a weight in place of 8"),
        .init(
          rule: "lion", settings: "lr: 5e-5, weight_decay: 0.6, state: int8",
          reason: "one average, in 8 bits: 1 byte for a weight; needs a large batch"),
        .init(
          rule: "adafactor",
          settings:
            "lr: 3e-4, scale_parameter: false, relative_step: false, weight_decay: 0.1",
          reason: "hardly any state"),
      ],
      schedule: "{name: cosine, warmup: 40, floor_ratio: 0.1}", clip: "{norm: 1}",
      reasons: [
        "State goes first: AdamW's two averages in float32 take twice what the weights do.",
        "Then gradients (release_gradients=true), then activations (model.recompute=layers, a smaller "
          + "batch with accumulate), then the weights themselves (adapters, fewer bits).",
      ],
      sources: [
        "Dettmers et al., 2022, arXiv:2110.02861", "Shazeer, Stern, 2018, arXiv:1804.04235",
        "Chen et al.: Symbolic Discovery of Optimization Algorithms (Lion), 2023, arXiv:2302.06675",
      ],
      cautions: [
        "Sophia is often listed here. It keeps two averages in float32: as much as AdamW.",
        "int8 state leaves embeddings and small tensors in float32, so that a model that is mostly "
          + "embedding saves little.",
      ], stage: .text, example: "llm-low-memory"),
    Scenario(
      name: "vision-cnn",
      aliases: ["cnn", "vision", "resnet", "image-classification", "digits-cnn", "mnist"],
      title: "A convolutional network that classifies images",
      candidates: [
        .init(
          rule: "sgd", settings: "lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 5e-4",
          reason: "still what convolutional networks with normalization end best with")
      ],
      schedule: "{name: onecycle}", clip: nil,
      reasons: [
        "One cycle takes a rate that would be too high at first, in the middle of the run, with less "
          + "momentum there, and falls to nothing at the end.",
        "The rate is the one to look for (descent lr-find): 0.1 is customary for batches of 256, "
          + "and those of 64 here begin with half of it.",
      ],
      sources: [
        "Smith, Topin: Super-Convergence, 2018, arXiv:1708.07120",
        "He et al.: Deep Residual Learning, 2015, arXiv:1512.03385 (momentum 0.9)",
      ],
      cautions: [
        "A weight decay of 5e-4 belongs to SGD, where it joins the gradient; AdamW's is decoupled and "
          + "a hundred times larger."
      ], stage: .images, example: "vision-cnn"),
    Scenario(
      name: "vision-transformer", aliases: ["vit", "deit", "image-transformer", "vision-vit"],
      title: "A vision transformer",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 5e-4, weight_decay: 0.05",
          reason: "transformers train badly with SGD, whatever their data"),
        .init(
          rule: "adamw", settings: "lr: 5e-4, weight_decay: 0.05, state: int8",
          reason: "the same steps with a quarter of the state"),
      ],
      schedule: "{name: cosine, warmup: 30, floor_ratio: 0.01}", clip: "{norm: 1}",
      reasons: [
        "DeiT's: 5e-4 for a batch of 512, in proportion to the batch, 5 epochs of warmup in 300, weight "
          + "decay 0.05 and none on norms and biases."
      ],
      sources: [
        "Touvron et al.: Training data-efficient image transformers, 2020, arXiv:2012.12877 (table 9)",
        "Dosovitskiy et al.: An Image is Worth 16x16 Words, 2020, arXiv:2010.11929",
      ], cautions: [], stage: .imageTransformer, example: "vision-vit"),
    Scenario(
      name: "gan", aliases: ["dcgan", "adversarial"],
      title: "A generative adversarial network",
      candidates: [
        .init(
          rule: "adam", settings: "lr: 2e-4, betas: [0.5, 0.999]",
          reason: "little momentum, since the opponent changes the objective at every step")
      ],
      schedule: "{name: constant}", clip: nil,
      reasons: [
        "β₁ of 0.5 forgets gradients within two steps: those of longer ago were of another opponent.",
        "Two optimizers, or two groups of one. The discriminator may have the higher rate (4e-4 to 1e-4).",
      ],
      sources: [
        "Radford et al.: DCGAN, 2015, arXiv:1511.06434",
        "Heusel et al.: GANs Trained by a Two Time-Scale Update Rule, 2017, arXiv:1706.08500",
      ],
      cautions: [
        "With a gradient penalty (WGAN-GP) β₁ is 0 and β₂ 0.9."
      ], stage: .adversarial, example: "gan"),
    Scenario(
      name: "rl", aliases: ["reinforcement-learning", "ppo", "dqn", "reinforcement"],
      title: "Reinforcement learning (PPO)",
      candidates: [
        .init(
          rule: "adam", settings: "lr: 3e-4, eps: 1e-5",
          reason: "the data change with the policy, so per-element rates help and little else does")
      ],
      schedule: "{name: linear}", clip: "{norm: 0.5}",
      reasons: [
        "3e-4 is a custom for small networks, falling linearly to 0.",
        "ε is 1e-5 and the norm of gradients is limited to 0.5 in the implementations that reproduce the "
          + "papers.",
      ],
      sources: [
        "Huang et al.: The 37 Implementation Details of PPO, 2022",
        "Andrychowicz et al.: What Matters In On-Policy Reinforcement Learning?, 2020, "
          + "arXiv:2006.05990",
      ],
      cautions: ["For Atari the same implementations use 2.5e-4."], stage: .environment,
      example: "rl"),
    Scenario(
      name: "fast-experiments",
      aliases: ["experiment", "quick", "prototype", "fast", "digits-mlp", "csv", "table"],
      title: "A first try, whose length nobody knows",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 1e-3",
          reason: "it trains nearly everything at nearly its default rate")
      ],
      schedule: "{name: plateau, patience: 3}", clip: "{norm: 1}",
      reasons: [
        "A schedule that follows the validation loss needs no length: it falls when nothing improves."
      ],
      sources: [
        "torch: ReduceLROnPlateau",
        "Loshchilov, Hutter: Decoupled Weight Decay, 2019, arXiv:1711.05101",
      ],
      cautions: [
        "For a result rather than a try, give the run a length and a cosine: they end lower."
      ], stage: .table, example: "quick"),
    Scenario(
      name: "big-batch", aliases: ["large-batch", "batch", "lamb"],
      title: "Batches of thousands of examples",
      candidates: [
        .init(
          rule: "lamb", settings: "lr: 2e-3, weight_decay: 0.01",
          reason: "each tensor's step has the length of its weights, which a high rate cannot spoil"
        ),
        .init(
          rule: "lion", settings: "lr: 1e-4, weight_decay: 0.1",
          reason: "the sign wants gradients without noise, which a large batch has; half the state"),
      ],
      schedule: "{name: linear, warmup: 200}", clip: "{norm: 1}",
      reasons: [
        "The rate grows with the root of the batch for adaptive methods, in proportion to it for SGD, up "
          + "to the batch beyond which gradients are no better (instruments.noise measures it).",
        "The longer the warmup the larger the batch: a tenth of the steps here.",
      ],
      sources: [
        "You et al.: Large Batch Optimization for Deep Learning (LAMB), 2020, arXiv:1904.00962",
        "Chen et al., 2023, arXiv:2302.06675",
        "McCandlish et al.: An Empirical Model of Large-Batch Training, 2018, arXiv:1812.06162",
      ],
      cautions: [
        "AdamW with a warmup reaches the same up to batches of some thousands (Nado et al., 2021, "
          + "arXiv:2102.06356): race them before changing."
      ], stage: .text, example: "large-batch"),
    Scenario(
      name: "lora", aliases: ["llm-lora", "qlora", "adapters", "peft"],
      title: "Adapters (LoRA) of a language model",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 2e-4, weight_decay: 0.01",
          reason: "the customary choice; adapters are small, so that its state costs little"),
        .init(
          rule: "adamw", settings: "lr: 2e-4, weight_decay: 0.01, state: int8",
          reason: "for adapters of a high rank alone: at rank 16 it saves next to nothing"),
      ],
      schedule: "{name: cosine, warmup: 60}", clip: "{norm: 1}",
      reasons: [
        "Adapters take ten times the rate of full fine-tuning: B starts from 0, and only the product B·A "
          + "acts.",
        "A start: rank 16 and alpha 32, which multiplies what adapters add by alpha/rank = 2, on all "
          + "linear layers of the blocks. Which layers are adapted matters more than the rank (QLoRA, "
          + "figure 2).",
        "Memory is that of the frozen weights, which may be kept in 8 or 4 bits.",
      ],
      sources: [
        "Hu et al.: LoRA, 2021, arXiv:2106.09685",
        "Dettmers et al.: QLoRA, 2023, arXiv:2305.14314 (2e-4 up to 13 billion parameters)",
      ],
      cautions: [
        "alpha/rank multiplies what adapters add, and so their steps: change it, and the rate with it.",
        "One of the two factors must start from 0. With both drawn at random the first step already "
          + "damages what the model knows, whatever the rate.",
      ], stage: .text, example: "llm-lora", adapters: 16),
    Scenario(
      name: "diffusion-finetune",
      aliases: ["diffusion", "sdxl", "flux", "stable-diffusion", "dreambooth"],
      title: "Fine-tuning all weights of a diffusion model",
      candidates: [
        .init(
          rule: "adamw", settings: "lr: 1e-5, weight_decay: 0.01, state: int8",
          reason: "kohya's usual choice: AdamW's steps with a quarter of the state"),
        .init(
          rule: "adafactor",
          settings: "lr: 1e-5, scale_parameter: false, relative_step: false",
          reason: "hardly any state: what makes SDXL fit in 24 GB"),
      ],
      schedule: "{name: warmup, warmup: 100}", clip: "{norm: 1}",
      reasons: [
        "The loss is noisy by its nature (each example draws its own noise level), so that a constant rate "
          + "after a short warmup is as good as most schedules."
      ],
      sources: [
        "kohya-ss/sd-scripts: documentation of SDXL training", "transformers: Adafactor",
        "Dettmers et al., 2022, arXiv:2110.02861",
      ],
      cautions: [
        "Adafactor with relative_step=true ignores the rate that is given and any schedule; with "
          + "scale_parameter=true the rate is a share of the weights' size. For a rate that means what it "
          + "says, both are off.",
        "Weights in fp16 do not move at 1e-5: keep float32 copies, or bf16 with random rounding.",
      ], stage: .diffusion, example: "diffusion"),
    Scenario(
      name: "diffusion-lora", aliases: ["sdxl-lora", "flux-lora", "kohya", "prodigy"],
      title: "Adapters (LoRA) of a diffusion model",
      candidates: [
        .init(
          rule: "prodigy",
          settings:
            "lr: 1, weight_decay: 0.01, use_bias_correction: true, safeguard_warmup: true",
          isUnclipped: true,
          reason: "it finds the rate itself, which rank, alpha and targets change"),
        .init(
          rule: "adamw", settings: "lr: 1e-4, weight_decay: 0.01, state: int8",
          schedule: "{name: cosine, warmup: 100}",
          reason: "an eighth of Prodigy's state or less, and a rate to look for"),
      ],
      schedule: "{name: cosine}", clip: "{norm: 1}",
      reasons: [
        "lr stays 1: it multiplies the estimate d. d never falls, so that a schedule that falls is worth "
          + "having; a warmup would be taken for small gradients, were it not for safeguard_warmup.",
        "A start: rank 16 and alpha 16, which multiplies what adapters add by alpha/rank = 1, on the "
          + "attention and feed-forward layers of the U-Net or transformer; text encoders stay as they "
          + "are.",
        "Gradients are not clipped: the estimate is made of them.",
      ],
      sources: [
        "Mishchenko, Defazio: Prodigy, 2023, arXiv:2306.06101", "prodigyopt 1.1.2",
      ],
      cautions: [
        "A larger d for a small rank is no danger, only scale: d grows until the weights have moved as far "
          + "as the gradients ask for, and alpha/rank scales those.",
        "What is logged as the rate by many tools is lr = 1; the rate that acts is d·lr.",
      ], stage: .diffusion, example: "diffusion-lora", adapters: 16),
  ]
}
