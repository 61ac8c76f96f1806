/// The keys that Hugging Face's Trainer and the scripts around it know.
enum HuggingFaceKeys {
  /// The fields of `TrainingArguments` in transformers 5.23.
  static let five = HuggingFaceArguments.words(
    """
    output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate
    lr_scheduler_type lr_scheduler_kwargs warmup_steps optim optim_args weight_decay adam_beta1
    adam_beta2 adam_epsilon optim_target_modules gradient_accumulation_steps
    average_tokens_across_devices max_grad_norm label_smoothing_factor bf16 fp16 bf16_full_eval
    fp16_full_eval tf32 activation_checkpointing activation_checkpointing_kwargs
    gradient_checkpointing gradient_checkpointing_kwargs torch_compile torch_compile_backend
    torch_compile_mode use_liger_kernel liger_kernel_config use_cache neftune_noise_alpha
    torch_empty_cache_steps auto_find_batch_size logging_strategy logging_steps logging_first_step
    log_on_each_node logging_nan_inf_filter include_num_input_tokens_seen log_level
    log_level_replica disable_tqdm report_to run_name project trackio_space_id trackio_bucket_id
    trackio_static_space_id eval_strategy eval_steps eval_delay per_device_eval_batch_size
    prediction_loss_only eval_on_start eval_do_concat_batches eval_use_gather_object
    eval_accumulation_steps include_for_metrics batch_eval_metrics save_only_model save_strategy
    save_steps save_on_each_node save_total_limit enable_jit_checkpoint push_to_hub hub_token
    hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision load_best_model_at_end
    metric_for_best_model greater_is_better ignore_data_skip
    restore_callback_states_from_checkpoint full_determinism seed data_seed use_cpu
    accelerator_config parallelism_config dataloader_drop_last dataloader_num_workers
    dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order remove_unused_columns label_names
    train_sampling_strategy length_column_name ddp_find_unused_parameters ddp_bucket_cap_mb
    ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout fsdp fsdp_config deepspeed
    debug skip_memory_metrics do_train do_eval do_predict resume_from_checkpoint local_rank
    """)

  /// Fields that transformers 4 had and 5.23 refuses.
  static let four = HuggingFaceArguments.words(
    """
    overwrite_output_dir per_gpu_train_batch_size per_gpu_eval_batch_size warmup_ratio logging_dir
    save_safetensors no_cuda use_mps_device jit_mode_eval fp16_opt_level half_precision_backend
    tpu_num_cores tpu_metrics_debug past_index fsdp_min_num_params
    fsdp_transformer_layer_cls_to_wrap adafactor group_by_length fp16_backend push_to_hub_model_id
    push_to_hub_organization push_to_hub_token mp_parameters ray_scope torchdynamo
    include_tokens_per_second include_inputs_for_metrics dispatch_batches split_batches use_ipex
    use_legacy_prediction_loop evaluation_strategy sharded_ddp xpu_backend
    """)

  /// Keys of the scripts around it: TRL, LLaMA-Factory, the examples of transformers.
  static let scripts = HuggingFaceArguments.words(
    """
    dataset_mixture dataset_mixer
    model_name_or_path model_revision torch_dtype dtype trust_remote_code attn_implementation
    use_peft lora_r lora_alpha lora_dropout lora_target_modules lora_target_parameters
    lora_modules_to_save lora_task_type use_rslora use_dora load_in_8bit load_in_4bit
    bnb_4bit_quant_type use_bnb_nested_quant bnb_4bit_compute_dtype dataset_name dataset_config
    dataset_train_split dataset_test_split dataset_streaming max_length max_seq_length packing
    packing_strategy padding_free eval_packing dataset_text_field dataset_kwargs dataset_num_proc
    eos_token pad_token pad_to_multiple_of completion_only_loss assistant_only_loss loss_type
    model_init_kwargs chat_template_path activation_offloading shuffle_dataset beta
    label_smoothing max_prompt_length max_completion_length num_generations temperature top_p
    reward_weights use_vllm ref_model_init_kwargs precompute_ref_log_probs datasets stage
    finetuning_type lora_rank lora_target dataset dataset_dir template cutoff_len max_samples
    overwrite_cache preprocessing_num_workers plot_loss val_size quantization_bit
    quantization_method flash_attn rope_scaling pref_beta pref_loss pref_ftx
    freeze_trainable_layers freeze_extra_modules train_on_prompt mask_history neat_packing
    tokenized_path cache_dir enable_liger_kernel use_unsloth loraplus_lr_ratio pissa_init
    pissa_iter use_badam use_galore use_apollo use_muon use_adam_mini additional_target
    resize_vocab adapter_name_or_path image_max_pixels video_max_pixels media_dir eval_dataset
    streaming buffer_size mix_strategy interleave_probs ignore_pad_token_for_loss
    preprocessing_batch_size tokenizer_name config_name validation_split_percentage block_size
    train_file validation_file test_file max_train_samples max_eval_samples dataset_config_name
    use_fast_tokenizer low_cpu_mem_usage token model_id_or_path task_name max_source_length
    max_target_length source_lang target_lang source_prefix text_column summary_column
    predict_with_generate generation_max_length generation_num_beams generation_config
    sortish_sampler export_dir do_sample ray_num_workers ray_run_name resources_per_worker
    placement_strategy swanlab_project use_swanlab use_dft_loss disable_gradient_checkpointing
    upcast_layernorm upcast_lmhead_output freeze_vision_tower freeze_multi_modal_projector
    freeze_language_model double_quantization new_special_tokens add_tokens split_special_tokens
    shift_attn mixture_of_depths use_kv_cache infer_backend
    """)

  /// What a saved file has besides.
  static let saved = HuggingFaceArguments.words(
    """
    _n_gpu mixed_precision __cached__setup_devices deepspeed_plugin distributed_state
    hf_deepspeed_config train_batch_size eval_batch_size
    """)
}

extension HuggingFaceArguments {
  static let keys = Set(
    HuggingFaceKeys.five + HuggingFaceKeys.four + HuggingFaceKeys.scripts + HuggingFaceKeys.saved)
  static let suggested = Set(HuggingFaceKeys.five + HuggingFaceKeys.scripts)
}
