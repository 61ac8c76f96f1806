/// Configurations as people write them.
enum Fixture {
  static let trainer = """
    {
      "output_dir": "runs/bert",
      "per_device_train_batch_size": 16,
      "gradient_accumulation_steps": 2,
      "learning_rate": 2e-05,
      "num_train_epochs": 3,
      "warmup_ratio": 0.06,
      "weight_decay": 0.01,
      "evaluation_strategy": "epoch",
      "lr_scheduler_type": "cosine",
      "fp16": true,
      "loging_steps": 50
    }
    """

  static let trainerYAML = """
    # arguments of run_clm.py
    output_dir: runs/gpt2
    learning_rate: 1e-4
    per_device_train_batch_size: 8
    max_steps: 2000
    num_train_epochs: 3
    warmup_steps: 100
    optim: lion_8bit
    bf16: yes
    """

  static let llamaFactory = """
    ### model
    model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
    stage: sft
    do_train: true
    finetuning_type: lora
    lora_rank: 8
    lora_target: all
    dataset: identity,alpaca_en_demo
    template: llama3
    cutoff_len: 2048
    output_dir: saves/llama3-8b/lora/sft
    per_device_train_batch_size: 1
    gradient_accumulation_steps: 8
    learning_rate: 1e-4
    num_train_epochs: 3.0
    lr_scheduler_type: cosine
    warmup_steps: 0.1
    bf16: true
    """

  static let kohya = """
    # SDXL LoRA
    [model_arguments]
    pretrained_model_name_or_path = "stabilityai/stable-diffusion-xl-base-1.0"
    vae = 'madebyollin/sdxl-vae-fp16-fix'

    [network_arguments]
    network_module = "networks.lora"
    network_dim = 32

    [optimizer_arguments]
    optimizer_type = "AdamW8bit"
    learning_rate = 1e-4
    unet_lr = 1e-4
    text_encoder_lr = 5e-5
    lr_scheduler = "cosine_with_restarts"
    lr_scheduler_num_cycles = 3
    lr_warmup_steps = 0.05
    optimizer_args = ["weight_decay=0.1", "betas=(0.9, 0.99)"]

    [training_arguments]
    train_batch_size = 4
    max_train_epochs = 10
    max_train_steps = 3000
    mixed_precision = "bf16"
    min_snr_gama = 5
    """

  static let kohyaProdigy = """
    network_module = "networks.lora"
    network_dim = 16
    network_alpha = 16
    optimizer_type = "Prodigy"
    optimizer_args = [ "decouple=True", "weight_decay=0.01", "d_coef=2",
      "use_bias_correction=True", "safeguard_warmup=True" ]
    learning_rate = 1e-4
    lr_scheduler = "constant"
    lr_warmup_steps = 100
    max_train_steps = 1000
    """

  static let kohyaAdafactor = """
    pretrained_model_name_or_path = "flux1-dev.safetensors"
    optimizer_type = "adafactor"
    learning_rate = 5e-5
    lr_scheduler = "cosine"
    lr_warmup_steps = 100.0
    full_bf16 = true
    mixed_precision = "bf16"
    max_train_steps = 500
    train_batch_size = 2
    """

  static let oneTrainer = """
    {
      "__version": 6,
      "training_method": "LORA",
      "model_type": "STABLE_DIFFUSION_XL_10_BASE",
      "base_model_name": "stabilityai/stable-diffusion-xl-base-1.0",
      "learning_rate_scheduler": "REX",
      "learning_rate": 0.0003,
      "learning_rate_warmup_steps": 100.0,
      "epochs": 20,
      "batch_size": 4,
      "gradient_accumulation_steps": 2,
      "learning_rate_scaler": "BOTH",
      "train_dtype": "BFLOAT_16",
      "lora_rank": 16,
      "optimizer": {
        "optimizer": "PRODIGY",
        "beta1": 0.9,
        "beta2": 0.999,
        "d_coef": 1.0,
        "growth_rate": Infinity,
        "weight_decay": 0.01,
        "decouple": true
      }
    }
    """

  static let axolotl = """
    base_model: NousResearch/Llama-3.2-1B
    load_in_4bit: true
    datasets:
      - path: teknium/GPT4-LLM-Cleaned
        type: alpaca
    val_set_size: 0.1
    output_dir: ./outputs/qlora-out
    adapter: qlora
    lora_r: 32
    lora_alpha: 16
    lora_target_modules: [q_proj, v_proj]
    sequence_len: 2048
    gradient_accumulation_steps: 4
    micro_batch_size: 2
    num_epochs: 3
    optimizer: adamw_bnb_8bit
    lr_scheduler: cosine
    learning_rate: 2e-4
    bf16: auto
    warmup_ration: 0.1
    weight_decay: 0.0
    special_tokens:
    """

  static let recipe = """
    steps: 100
    model: {kind: gpt}
    data: {kind: text}
    optimizer: {name: adamw, lr: 1e-3}
    """
}
