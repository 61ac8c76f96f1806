/// The keys of OneTrainer.
enum OneTrainerKeys {
  /// The keys outside any section.
  static let top = HuggingFaceArguments.words(
    """
    training_method model_type debug_mode debug_dir workspace_dir cache_dir huggingface_cache_dir
    offline_mode tensorboard tensorboard_expose tensorboard_always_on tensorboard_port validation
    validate_after validate_after_unit continue_last_backup prevent_overwrites
    include_train_config multi_gpu device_indexes gradient_reduce_precision fused_gradient_reduce
    async_gradient_reduce async_gradient_reduce_buffer base_model_name output_dtype
    output_model_format output_model_destination async_offloading force_circular_padding compile
    concept_file_name concepts aspect_ratio_bucketing latent_caching clear_cache_before_training
    learning_rate_scheduler custom_learning_rate_scheduler scheduler_params learning_rate
    learning_rate_warmup_steps learning_rate_cycles learning_rate_min_factor epochs batch_size
    gradient_accumulation_steps ema ema_decay ema_update_step_interval dataloader_threads
    train_device temp_device train_dtype fallback_train_dtype enable_autocast_cache only_cache
    resolution frames attention_mechanism mse_strength mae_strength log_cosh_strength
    huber_strength huber_delta vb_loss_strength loss_weight_fn loss_weight_strength
    dropout_probability loss_scaler learning_rate_scaler clip_grad_norm offset_noise_weight
    generalized_offset_noise perturbation_noise_weight
    rescale_noise_scheduler_to_zero_terminal_snr force_v_prediction force_epsilon_prediction
    min_noising_strength max_noising_strength timestep_distribution noising_weight noising_bias
    timestep_shift dynamic_timestep_shifting unet prior transformer unconditional_transformer
    quantization text_encoder text_encoder_layer_skip text_encoder_sequence_length text_encoder_2
    text_encoder_2_layer_skip text_encoder_2_sequence_length text_encoder_3
    text_encoder_3_layer_skip text_encoder_4 text_encoder_4_layer_skip vae effnet_encoder decoder
    decoder_text_encoder decoder_vqgan masked_training unmasked_probability unmasked_weight
    normalize_masked_area_loss masked_prior_preservation_weight custom_conditioning_image
    layer_filter layer_filter_preset layer_filter_regex embedding_learning_rate
    preserve_embedding_norm embedding additional_embeddings embedding_weight_dtype cloud peft_type
    lora_model_name lora_rank lora_alpha lora_decompose lora_decompose_norm_epsilon
    lora_decompose_output_axis lora_weight_dtype bundle_additional_embeddings oft_block_size
    oft_block_share oft_scaled lokr_dim lokr_decompose_both lokr_decompose_factor lokr_use_tucker
    lokr_weight_decompose lokr_dora_on_output lokr_full_matrix lokr_vec_trick optimizer
    optimizer_defaults sample_definition_file_name samples sample_after sample_after_unit
    sample_skip_first sample_image_format sample_video_format sample_audio_format
    samples_to_tensorboard non_ema_sampling backup_after backup_after_unit rolling_backup
    rolling_backup_count backup_before_save save_every save_every_unit save_skip_first
    save_filename_prefix secrets __version
    """)

  /// Those of `optimizer`.
  static let optimizer = HuggingFaceArguments.words(
    """
    optimizer adam_w_mode alpha amsgrad beta1 beta2 beta3 bias_correction block_wise capturable
    centered clip_threshold d0 d_coef dampening decay_rate decouple differentiable eps eps2
    foreach fsdp_in_use fused fused_back_pass growth_rate initial_accumulator_value
    initial_accumulator is_paged log_every lr_decay max_unorm maximize min_8bit_size
    quant_block_size momentum nesterov no_prox optim_bits percentile_clipping r relative_step
    safeguard_warmup scale_parameter stochastic_rounding use_bias_correction use_triton
    warmup_init weight_decay weight_lr_power decoupled_decay fixed_decay rectify
    degenerated_to_sgd k xi n_sma_threshold ams_bound adanorm adam_debias slice_p cautious
    weight_decay_by_lr prodigy_steps use_speed split_groups split_groups_mean factored
    factored_fp32 use_stableadamw use_cautious use_grams use_adopt d_limiter use_schedulefree
    use_orthograd nnmf_factor orthogonal_gradient use_atan2 use_AdEMAMix beta3_ema alpha_grad
    beta1_warmup min_beta1 Simplified_AdEMAMix kourkoutas_beta schedulefree_c ns_steps
    MuonWithAuxAdam muon_hidden_layers muon_adam_regex muon_adam_lr muon_te1_adam_lr
    muon_te2_adam_lr muon_adam_config rms_rescaling normuon_variant beta2_normuon low_rank_ortho
    ortho_rank accelerated_ns cautious_wd approx_mars auto_kappa_p compile
    """)
}

extension OneTrainerConfiguration {
  static let keys = Set(OneTrainerKeys.top)
}
